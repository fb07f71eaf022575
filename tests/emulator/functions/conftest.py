"""A host with functions written in the test itself."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.functions import (
    FunctionHost,
    FunctionNotFound,
    FunctionVersion,
    HostLimits,
    InvocationResult,
)

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-west-2"


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


@dataclass
class Catalogue:
    """A fake catalogue: functions by name."""

    functions: dict[str, FunctionVersion] = field(default_factory=dict)
    packages: dict[str, bytes] = field(default_factory=dict)

    def resolve(self, name_or_arn: str, _qualifier: str | None, **_whose: str) -> FunctionVersion:
        try:
            return self.functions[name_or_arn]
        except KeyError:
            raise FunctionNotFound(name_or_arn) from None

    def code(self, function: FunctionVersion) -> bytes:
        return self.packages[function.code_sha256]


@dataclass
class Bench:
    """A host, and a short way to put functions on it."""

    host: FunctionHost
    catalogue: Catalogue
    logs: dict[str, list[str]]

    def add(
        self,
        source: str = "",
        *,
        name: str = "f",
        package: bytes | None = None,
        handler: str = "main.handler",
        timeout: int = 10,
        memory: int = 128,
        environment: Mapping[str, str] | None = None,
        runtime: str = "python3.11",
        reserved: int | None = None,
        layers: int = 0,
    ) -> FunctionVersion:
        package = package if package is not None else zipped({"main.py": source})
        sha = hashlib.sha256(package).hexdigest()
        self.catalogue.packages[sha] = package
        self.catalogue.functions[name] = function = FunctionVersion(
            account=ACCOUNT,
            region=REGION,
            name=name,
            arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:1",
            version="1",
            handler=handler,
            runtime=runtime,
            role=f"arn:aws:iam::{ACCOUNT}:role/r",
            timeout_seconds=timeout,
            memory_mb=memory,
            environment=tuple((environment or {}).items()),
            code_sha256=sha,
            reserved_concurrency=reserved,
            n_layers=layers,
        )
        return function

    async def invoke(self, payload: bytes = b"{}", *, name: str = "f") -> InvocationResult:
        return await self.host.invoke(name, payload, account=ACCOUNT, region=REGION)

    async def run(self, source: str = "", payload: bytes = b"{}", **settings: object) -> InvocationResult:
        self.add(source, **settings)  # type: ignore[arg-type]
        return await self.invoke(payload)


MakeBench = Callable[..., Bench]


@pytest.fixture
def walls() -> Callable[[], str | None]:
    """Which program isolates functions: none, unless a test module says otherwise."""
    return lambda: None


@pytest.fixture
async def make_bench(tmp_path: Path, walls: Callable[[], str | None]) -> AsyncIterator[MakeBench]:
    benches: list[Bench] = []

    def make(**limits: object) -> Bench:
        catalogue = Catalogue()
        logs: dict[str, list[str]] = {}

        def write_log(_function: FunctionVersion, stream: str, lines: list[str]) -> None:
            logs.setdefault(stream, []).extend(lines)

        host = FunctionHost(
            tmp_path / f"host{len(benches)}",
            lambda: "http://127.0.0.1:9",
            catalogue,
            limits=HostLimits(**limits),  # type: ignore[arg-type]
            write_log=write_log,
            walls=walls,
        )
        benches.append(Bench(host, catalogue, logs))
        return benches[-1]

    yield make
    for bench in benches:
        await bench.host.close()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


@pytest.fixture
def make_zip() -> Callable[[Mapping[str, str | bytes]], bytes]:
    return zipped
