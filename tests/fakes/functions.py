"""Lambda and IAM in memory: state moves as the services' does, and every call can be the one at which the worker dies."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.ports import CodePlace, FunctionConfig, FunctionVersion, Invocation

ACCOUNT = "123456789012"
PREFIX = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:"


class WorkerKilled(BaseException):
    """SIGKILL, as far as one process can feel it."""


@dataclass
class Trouble:
    """What goes wrong at which call; calls of every fake that shares it are counted together, from 1."""

    before: Mapping[int, BaseException] = field(default_factory=dict)
    after: Mapping[int, BaseException] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def around(self, name: str, effect: Callable[[], object]) -> object:
        self.calls.append(name)
        number = len(self.calls)
        if number in self.before:
            raise self.before[number]
        result = effect()
        if number in self.after:
            raise self.after[number]
        return result


@dataclass
class _Function:
    latest: FunctionVersion
    package: bytes
    pending_reads: int
    versions: dict[int, tuple[FunctionVersion, bytes]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    n_published: int = 0
    reserved: int = 0


@dataclass
class FakeFunctions:
    """A ``FunctionService``."""

    trouble: Trouble = field(default_factory=Trouble)
    n_reads_pending: int = 1
    n_role_refusals: int = 0
    broken_packages: set[bytes] = field(default_factory=set)
    functions: dict[str, _Function] = field(default_factory=dict)
    after_update: Callable[[], None] | None = None
    stored: dict[str, bytes] = field(default_factory=dict)
    preamble: str = ""
    """Python that functions run first: how this place differs from where a package was tried."""

    def get(self, name: str, *, qualifier: str = "") -> FunctionVersion | None:
        return self.trouble.around("get", lambda: self._get(name, qualifier))  # type: ignore[return-value]

    def _get(self, name: str, qualifier: str) -> FunctionVersion | None:
        function = self.functions.get(name)
        if function is None:
            return None
        if qualifier in function.aliases:
            qualifier = function.aliases[qualifier]
        if qualifier.isdigit():
            found = function.versions.get(int(qualifier))
            return found[0] if found else None
        if function.pending_reads:
            function.pending_reads -= 1
            return function.latest
        is_broken = function.package in self.broken_packages
        function.latest = replace(
            function.latest, is_ready=not is_broken, failure="InvalidImage: cannot start" if is_broken else ""
        )
        return function.latest

    def create(self, config: FunctionConfig, package: bytes | CodePlace) -> FunctionVersion:
        return self.trouble.around("create", lambda: self._create(config, self._fetched(package)))  # type: ignore[return-value]

    def _create(self, config: FunctionConfig, package: bytes) -> FunctionVersion:
        if config.name in self.functions:
            raise ResourceConflict(f"Function already exist: {config.name}")
        if self.n_role_refusals:
            self.n_role_refusals -= 1
            raise RequestRejected("The role defined for the function cannot be assumed by Lambda.")
        latest = FunctionVersion(
            arn=PREFIX + config.name,
            version="$LATEST",
            code_sha256=digest(package),
            description=config.description,
            is_ready=False,
            config=config,
        )
        self.functions[config.name] = _Function(latest, package, self.n_reads_pending)
        return latest

    def _fetched(self, package: bytes | CodePlace) -> bytes:
        """What Lambda would run: an image stands for itself by its address."""
        if isinstance(package, bytes):
            if len(package) > 50 * 2**20:
                raise RequestRejected("Request must be smaller than 70167211 bytes")
            return package
        return self.stored[package.s3_uri] if package.s3_uri else package.image_uri.encode()

    def update_code(self, name: str, package: bytes | CodePlace) -> FunctionVersion:
        return self.trouble.around("update_code", lambda: self._update_code(name, self._fetched(package)))  # type: ignore[return-value]

    def _update_code(self, name: str, package: bytes) -> FunctionVersion:
        function = self._settled(name)
        function.package, function.pending_reads = package, self.n_reads_pending
        function.latest = replace(function.latest, code_sha256=digest(package), is_ready=False, failure="")
        if self.after_update:
            self.after_update()
        return function.latest

    def update_config(self, config: FunctionConfig) -> FunctionVersion:
        return self.trouble.around("update_config", lambda: self._update_config(config))  # type: ignore[return-value]

    def _update_config(self, config: FunctionConfig) -> FunctionVersion:
        function = self._settled(config.name)
        function.pending_reads = self.n_reads_pending
        function.latest = replace(function.latest, config=config, is_ready=False)
        return function.latest

    def publish(self, name: str, *, code_sha256: str, description: str) -> FunctionVersion:
        return self.trouble.around("publish", lambda: self._publish(name, code_sha256, description))  # type: ignore[return-value]

    def _publish(self, name: str, code_sha256: str, description: str) -> FunctionVersion:
        function = self._settled(name)
        if function.latest.code_sha256 != code_sha256:
            raise ResourceConflict("The code was changed.")
        last = function.versions.get(function.n_published)
        if last and last[0].code_sha256 == code_sha256 and last[0].config == function.latest.config:
            return last[0]
        function.n_published += 1
        version = replace(
            function.latest,
            arn=f"{PREFIX}{name}:{function.n_published}",
            version=str(function.n_published),
            description=description,
            is_ready=True,
        )
        function.versions[function.n_published] = (version, function.package)
        return version

    def _settled(self, name: str) -> _Function:
        function = self.functions.get(name)
        if function is None:
            raise ResourceNotFound(f"Function not found: {name}")
        if function.pending_reads:
            raise ResourceConflict("An update is in progress.")
        return function

    def versions(self, name: str) -> Iterator[FunctionVersion]:
        listed = self.trouble.around("versions", lambda: [found for found, _ in self.functions[name].versions.values()])
        yield from listed  # type: ignore[misc]

    def delete_version(self, name: str, version: str) -> None:
        self.trouble.around("delete_version", lambda: self.functions[name].versions.pop(int(version), None))

    def reserve_concurrency(self, name: str, n_concurrent: int) -> None:
        def reserve() -> None:
            self._settled(name).reserved = n_concurrent

        self.trouble.around("reserve_concurrency", reserve)

    def put_alias(self, name: str, alias: str, version: str) -> str:
        self.trouble.around("put_alias", lambda: self.functions[name].aliases.update({alias: version}))
        return f"{PREFIX}{name}:{alias}"

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        return self.trouble.around("invoke", lambda: self._invoke(arn, payload))  # type: ignore[return-value]

    def _invoke(self, arn: str, payload: bytes) -> Invocation:
        name, _, qualifier = arn.removeprefix(PREFIX).partition(":")
        function = self.functions.get(name)
        if function is None:
            raise ResourceNotFound(f"Function not found: {arn}")
        number = function.aliases.get(qualifier, qualifier)
        version, package = function.versions[int(number)] if number.isdigit() else (function.latest, function.package)
        return run_package(package, version.config.handler, payload, version.version, self.preamble)


def digest(package: bytes) -> str:
    if b"@sha256:" in package[:200]:
        return package.decode().rpartition(":")[2]
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


_BOOT = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].rpartition(".")
event = json.load(sys.stdin)
out, sys.stdout = sys.stdout, sys.stderr
try:
    reply = getattr(importlib.import_module(module), name)(event, None)
    json.dump(reply, out)
except Exception as error:
    json.dump({"errorMessage": str(error), "errorType": type(error).__name__}, out)
    sys.exit(3)
"""


def run_package(package: bytes, handler: str, payload: bytes, version: str, preamble: str = "") -> Invocation:
    """The package in a process of its own, with nothing but the standard library beside it."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(folder)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", preamble + _BOOT, folder, handler],
            input=payload,
            capture_output=True,
            check=False,
            timeout=60,
        )
    return Invocation(
        payload=done.stdout or json.dumps({"errorMessage": "exited", "errorType": "Runtime.ExitError"}).encode(),
        function_error="Unhandled" if done.returncode else "",
        log_tail=done.stderr.decode()[-4096:],
        executed_version=version,
    )


@dataclass
class FakeRoles:
    """A ``RoleService``."""

    trouble: Trouble = field(default_factory=Trouble)
    roles: dict[str, tuple[str, Mapping[str, object], tuple[str, ...]]] = field(default_factory=dict)
    source_accounts: dict[str, str] = field(default_factory=dict)

    def account_id(self) -> str:
        return ACCOUNT

    def ensure_role(
        self,
        name: str,
        *,
        trusted_service: str,
        policy: Mapping[str, object],
        managed_policies: Sequence[str],
        source_account: str = "",
    ) -> str:
        self.source_accounts[name] = source_account
        wish = (trusted_service, policy, tuple(managed_policies))
        self.trouble.around("ensure_role", lambda: self.roles.update({name: wish}))
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@dataclass
class FakeObjects:
    """As much of an ``ObjectStore`` as packages need; what is put is where the functions look."""

    functions: FakeFunctions
    trouble: Trouble = field(default_factory=Trouble)

    def etag(self, uri: str) -> str | None:
        return self.trouble.around("etag", lambda: "e" if uri in self.functions.stored else None)  # type: ignore[return-value]

    def put_bytes(self, uri: str, data: bytes) -> str:
        self.trouble.around("put_bytes", lambda: self.functions.stored.update({uri: data}))
        return "e"
