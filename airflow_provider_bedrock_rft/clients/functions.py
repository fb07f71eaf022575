"""Lambda over boto3."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.identifiers import S3Uri
from airflow_provider_bedrock_rft.core.ports import CodePlace, FunctionConfig, FunctionVersion, Invocation

if TYPE_CHECKING:
    from collections.abc import Iterator

LATEST = "$LATEST"
_RESTING_STATES = frozenset({"Active", "Inactive", "ActiveNonInvocable", ""})


class LambdaFunctions:
    """The ``FunctionService`` of AWS. The client's read timeout has to outlast the functions it invokes."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 -- boto3's type
        self._client = client

    def get(self, name: str, *, qualifier: str = "") -> FunctionVersion | None:
        """The function (or a version or alias of it), ``None`` when there is none."""
        wanted = {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}
        try:
            with translated(f"Read the function {name}"):
                return _version_of(self._client.get_function_configuration(**wanted))
        except ResourceNotFound:
            return None

    def create(self, config: FunctionConfig, package: bytes | CodePlace) -> FunctionVersion:
        """Create the function, from a zip or from where its code is."""
        kind = {} if config.runtime else {"PackageType": "Image"}
        with translated(f"Create the function {config.name}"):
            made = self._client.create_function(
                **_wire_of(config), **kind, Tags=dict(config.tags), Code=_code_of(package)
            )
        return _version_of(made)

    def update_code(self, name: str, package: bytes | CodePlace) -> FunctionVersion:
        """Replace the code of ``$LATEST``."""
        with translated(f"Update the code of {name}"):
            return _version_of(self._client.update_function_code(FunctionName=name, **_code_of(package)))

    def update_config(self, config: FunctionConfig) -> FunctionVersion:
        """Replace the configuration of ``$LATEST``, and the function's tags where it has others."""
        with translated(f"Update the configuration of {config.name}"):
            updated = _version_of(self._client.update_function_configuration(**_wire_of(config)))
        if config.tags:
            with translated(f"Tag the function {config.name}"):
                self._client.tag_resource(Resource=updated.arn, Tags=dict(config.tags))
        return updated

    def publish(self, name: str, *, code_sha256: str, description: str) -> FunctionVersion:
        """Freeze ``$LATEST`` as a numbered version; ``ResourceConflict`` when its code is not ``code_sha256``."""
        for is_last in (False, True):  # a refusal may be read when the code is ours again
            try:
                return self._publish(name, code_sha256, description)
            except RequestRejected as refusal:  # noqa: PERF203 -- so Lambda answers another digest, and much else
                latest = self.get(name)
                if latest is None or latest.code_sha256 != code_sha256:
                    raise _changed(name) from refusal
                if is_last:
                    raise
        raise _changed(name)

    def versions(self, name: str) -> Iterator[FunctionVersion]:
        """The published versions, oldest first."""
        with translated(f"List the versions of {name}"):
            pages = self._client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            found = [version for page in pages for version in page["Versions"] if version["Version"] != LATEST]
        yield from map(_version_of, sorted(found, key=lambda version: int(version["Version"])))

    def delete_version(self, name: str, version: str) -> None:
        """Remove one published version; one that is gone already is no error."""
        try:
            with translated(f"Delete version {version} of {name}"):
                self._client.delete_function(FunctionName=name, Qualifier=version)
        except ResourceNotFound:
            pass

    def reserve_concurrency(self, name: str, n_concurrent: int) -> None:
        """Keep that many of the account's concurrent executions for the function, and let it have no more."""
        with translated(f"Reserve concurrency for {name}"):
            self._client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=n_concurrent)

    def put_alias(self, name: str, alias: str, version: str) -> str:
        """Point ``alias`` at ``version``; returns the alias's ARN."""
        wanted = {"FunctionName": name, "Name": alias, "FunctionVersion": version}
        try:
            with translated(f"Move the alias {alias} of {name}"):
                return str(self._client.update_alias(**wanted)["AliasArn"])
        except ResourceNotFound:
            with translated(f"Create the alias {alias} of {name}"):
                return str(self._client.create_alias(**wanted)["AliasArn"])

    def _publish(self, name: str, code_sha256: str, description: str) -> FunctionVersion:
        with translated(f"Publish a version of {name}"):
            published = self._client.publish_version(FunctionName=name, CodeSha256=code_sha256, Description=description)
        version = _version_of(published)
        if version.code_sha256 != code_sha256:  # an endpoint that does not compare; the version may be another's by now
            raise _changed(name)
        return version

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        """Call the function and wait for its reply."""
        with translated(f"Invoke {arn}"):
            answer = self._client.invoke(FunctionName=arn, Payload=payload, LogType="Tail")
            reply: bytes = answer["Payload"].read()
        return Invocation(
            payload=reply,
            function_error=answer.get("FunctionError", ""),
            log_tail=base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"),
            executed_version=answer.get("ExecutedVersion", ""),
        )


def _changed(name: str) -> ResourceConflict:
    return ResourceConflict(f"The code of {name} was changed while it was published.")


def _code_of(package: bytes | CodePlace) -> dict[str, object]:
    if isinstance(package, bytes):
        return {"ZipFile": package}
    if package.image_uri:
        return {"ImageUri": package.image_uri}
    place = S3Uri.parse(package.s3_uri)
    return {"S3Bucket": place.bucket, "S3Key": place.key}


def _wire_of(config: FunctionConfig) -> dict[str, object]:
    of_zip = {"Runtime": config.runtime, "Handler": config.handler, "Layers": list(config.layers)}
    return {
        **(of_zip if config.runtime else {}),  # a container image brings its own, and Lambda refuses them
        "FunctionName": config.name,
        "Role": config.role_arn,
        "Timeout": config.timeout_seconds,
        "MemorySize": config.memory_mb,
        "Environment": {"Variables": dict(config.environment)},
        "Description": config.description,
    }


def _version_of(raw: dict[str, Any]) -> FunctionVersion:
    version = raw.get("Version", LATEST)
    state, update = raw.get("State", ""), raw.get("LastUpdateStatus", "")
    failure = ""
    if "Failed" in {state, update}:
        reasons = (raw.get("StateReason"), raw.get("LastUpdateStatusReason"))
        failure = next((reason for reason in reasons if reason), "Lambda gives no reason.")
    return FunctionVersion(
        arn=_qualified(raw["FunctionArn"], version),
        version=version,
        code_sha256=raw.get("CodeSha256", ""),
        description=raw.get("Description", ""),
        is_ready=state in _RESTING_STATES and update in {"Successful", ""},
        failure=failure,
        modified_at=_seconds(raw.get("LastModified", "")),
        config=FunctionConfig(
            name=raw["FunctionName"],
            handler=raw.get("Handler", ""),
            runtime=raw.get("Runtime", ""),
            role_arn=raw.get("Role", ""),
            timeout_seconds=raw.get("Timeout", 3),
            memory_mb=raw.get("MemorySize", 128),
            environment=raw.get("Environment", {}).get("Variables", {}),
            layers=tuple(layer["Arn"] for layer in raw.get("Layers", ())),
            description=raw.get("Description", ""),
        ),
    )


def _qualified(arn: str, version: str) -> str:
    """The ARN of a version, of which Lambda leaves the number away in some answers."""
    unqualified = ":".join(arn.split(":")[:7])
    return unqualified if version == LATEST else f"{unqualified}:{version}"


def _seconds(stamp: str) -> float:
    """Lambda's time stamp (``2026-11-20T14:00:00.123+0000``, always UTC) in epoch seconds, to the second."""
    return datetime.strptime(f"{stamp[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp() if stamp else 0.0
