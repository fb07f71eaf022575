"""Functions and keys as the mounted services hold them."""

from __future__ import annotations

import re
from typing import Any

from moto.backends import get_backend

from airflow_provider_bedrock_rft.emulator.auth import Secret
from airflow_provider_bedrock_rft.emulator.functions import FunctionNotFound, FunctionVersion

_REFERENCE = re.compile(
    r"(?:(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):)?(?P<account>\d{12}):function:)?"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)


class MountedFunctions:
    """The catalogue of functions. Reads only; a function is replaced whole by the mounted service, never half."""

    def resolve(self, name_or_arn: str, qualifier: str | None, *, account: str, region: str) -> FunctionVersion:
        """The version that is meant. A qualifier inside the name wins over ``qualifier``.

        Raises:
            FunctionNotFound: There is none.
        """
        found = _REFERENCE.fullmatch(name_or_arn)
        if found is None:
            raise FunctionNotFound(name_or_arn)
        owner, place = found["account"] or account, found["region"] or region
        qualifier = found["qualifier"] or qualifier
        name = found["name"]
        arn = f"arn:aws:lambda:{place}:{owner}:function:{name}"
        full_arn = f"{arn}:{qualifier}" if qualifier else arn
        latest = self._held(owner, place, name, None)
        held = self._held(owner, place, name, qualifier)
        if latest is None or held is None:
            raise FunctionNotFound(full_arn)
        return FunctionVersion(
            account=owner,
            region=place,
            name=name,
            arn=full_arn,
            version=str(held.version),
            handler=held.handler or "",
            runtime=held.run_time or "image",
            role=held.role,
            timeout_seconds=int(held.timeout),
            memory_mb=int(held.memory_size),
            environment=tuple(sorted(held.environment_vars.items())),
            code_sha256=held.code_sha_256,
            reserved_concurrency=_number(latest.reserved_concurrency),
            n_layers=len(held.layers),
        )

    def code(self, function: FunctionVersion) -> bytes:
        """The zip of a resolved version."""
        held = self._held(function.account, function.region, function.name, function.version)
        if held is None or held.code_sha_256 != function.code_sha256:
            raise FunctionNotFound(function.arn)
        return bytes(held.code_bytes)

    def _held(self, account: str, region: str, name: str, qualifier: str | None) -> Any:  # noqa: ANN401 -- moto's own
        """Moto's function object."""
        storage = get_backend("lambda")[account][region]._lambdas  # noqa: SLF001
        if qualifier is None or qualifier == "$LATEST":
            return storage._get_latest(name) if name in storage._functions else None  # noqa: SLF001
        if name not in storage._functions:  # noqa: SLF001
            return None
        alias = storage._get_function_aliases(name).get(qualifier)  # noqa: SLF001
        version = alias.function_version if alias is not None else qualifier
        if version == "$LATEST":
            return storage._get_latest(name)  # noqa: SLF001
        return storage._get_version(name, version)  # noqa: SLF001


def find_key(access_key_id: str) -> Secret | None:
    """An access key of an IAM user, or of a role that was assumed through STS."""
    if access_key_id.startswith("ASIA"):
        return _assumed(access_key_id)
    for account, backends in list(get_backend("iam").items()):
        key = backends["aws"].access_keys.get(access_key_id)
        if key is not None and key.status == "Active" and key.user_name:
            user = backends["aws"].users.get(key.user_name)
            if user is not None:
                return Secret(
                    access_key_id=access_key_id,
                    secret=key.secret_access_key,
                    account=account,
                    principal_arn=user.arn,
                    user_id=user.id,
                )
    return None


def _assumed(access_key_id: str) -> Secret | None:
    for account, backends in list(get_backend("sts").items()):
        role = backends["aws"].get_assumed_role_from_access_key(access_key_id)
        if role is not None:
            return Secret(
                access_key_id=access_key_id,
                secret=role.secret_access_key,
                account=account,
                principal_arn=role.arn,
                user_id=role.user_id,
                session_token=role.session_token,
                expires_at=_epoch(role.expiration),
            )
    return None


def _epoch(naive_utc: Any) -> float:  # noqa: ANN401 -- moto's datetime
    import datetime as dt  # noqa: PLC0415

    return float(naive_utc.replace(tzinfo=dt.timezone.utc).timestamp())


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


KeySource = "Callable[[str], Secret | None]"
