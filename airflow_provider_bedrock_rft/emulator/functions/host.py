"""Runs functions: finds or starts an execution environment for each invocation, and retires idle ones."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions.code import CodeStore
from airflow_provider_bedrock_rft.emulator.functions.environment import Environment
from airflow_provider_bedrock_rft.emulator.functions.invocation import (
    MAX_PAYLOAD_BYTES,
    CodeRefused,
    FunctionThrottled,
    InvocationResult,
    Outcome,
    PayloadTooLarge,
)
from airflow_provider_bedrock_rft.emulator.functions.launch import (
    Place,
    bubblewrap,
    make_sdk_folder,
    own_folder,
    prepare,
)
from airflow_provider_bedrock_rft.emulator.functions.limits import HostLimits
from airflow_provider_bedrock_rft.emulator.functions.output import LogLines
from airflow_provider_bedrock_rft.emulator.functions.relay import Relay
from airflow_provider_bedrock_rft.emulator.functions.report import Report, tail
from airflow_provider_bedrock_rft.emulator.functions.run_folder import RunFolder
from airflow_provider_bedrock_rft.emulator.functions.runtime_api import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.functions.catalogue import FunctionCatalogue, FunctionVersion

log = logging.getLogger(__name__)

NO_CREDENTIALS: Mapping[str, str] = {}


@dataclass(slots=True)
class _Started:
    """An environment, with what starting it has cost and said if that was just now."""

    environment: Environment
    log_stream: str
    init_ms: float | None = None
    init_lines: tuple[str, ...] = ()
    failure: Outcome | None = None
    retirement: asyncio.TimerHandle | None = None


class FunctionHost:
    """Runs the functions of a catalogue, each version in processes of its own.

    ``endpoint`` tells the emulator's address to functions; ``credentials`` are environment variables for one
    function; ``write_log`` is given each finished invocation's function, log stream and lines. ``walls`` is asked
    once for the isolating program. All methods belong to one event loop.
    """

    def __init__(
        self,
        root: Path,
        endpoint: Callable[[], str],
        catalogue: FunctionCatalogue,
        *,
        limits: HostLimits | None = None,
        now: Callable[[], float] = time.time,
        credentials: Callable[[FunctionVersion], Mapping[str, str]] = lambda _: NO_CREDENTIALS,
        write_log: Callable[[FunctionVersion, str, list[str]], None] = lambda _function, _stream, _lines: None,
        walls: Callable[[], str | None] = bubblewrap,
    ) -> None:
        self._root = root.resolve()
        self._endpoint = endpoint
        self._catalogue = catalogue
        self._limits = limits or HostLimits()
        self._now = now
        self._credentials = credentials
        self._write_log = write_log
        self._walls = walls
        self._code = CodeStore(self._root / "code")
        self._sdk = make_sdk_folder(self._root / "sdk")
        self._run_folder = RunFolder()
        self._relay = Relay(self._run_folder.path / "out.sock", endpoint)
        self._busy: Counter[tuple[str, str, str]] = Counter()
        self._idle: dict[FunctionVersion, list[_Started]] = {}
        self._live: set[Environment] = set()
        self._slots = asyncio.Semaphore(self._limits.max_environments)
        self._closing: set[asyncio.Task[None]] = set()

    async def invoke(
        self, name_or_arn: str, payload: bytes, *, qualifier: str | None = None, account: str, region: str
    ) -> InvocationResult:
        """Run a function on ``payload`` (JSON) and wait for its answer.

        Raises:
            FunctionNotFound: No such function, version or alias.
            FunctionThrottled: Too many invocations at once.
            PayloadTooLarge: More than 6 MB.
            CodeRefused: The package or its runtime cannot be run here.
        """
        function = self._catalogue.resolve(name_or_arn, qualifier, account=account, region=region)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(len(payload))
        _check_runnable(function)
        self._admit(function)
        try:
            async with self._slots:
                return await self._run(function, payload)
        finally:
            self._busy[function.key] -= 1

    async def close(self) -> None:
        """End every environment."""
        idle = [started for pool in self._idle.values() for started in pool]
        self._idle.clear()
        for started in idle:
            self._retire(started)
        for environment in list(self._live):
            self._discard(environment)
        while self._closing:
            await asyncio.wait(self._closing)
        self._relay.close()
        self._run_folder.remove()

    def _admit(self, function: FunctionVersion) -> None:
        reserved = function.reserved_concurrency
        if reserved is not None and self._busy[function.key] >= reserved:
            raise FunctionThrottled("ReservedFunctionConcurrentInvocationLimitExceeded")
        in_account = sum(n for key, n in self._busy.items() if key[:2] == function.key[:2])
        if in_account >= self._limits.account_concurrency:
            raise FunctionThrottled("ConcurrentInvocationLimitExceeded")
        self._busy[function.key] += 1

    async def _run(self, function: FunctionVersion, payload: bytes) -> InvocationResult:
        request_id = str(uuid.uuid4())
        while True:
            started = self._warm(function) or await self._start(function, request_id)
            try:
                result = await self._run_in(started, function, payload, request_id)
            except BaseException:  # -- cancelled in the middle: the environment's state is unknown
                self._discard(started.environment)
                raise
            if result is not None:
                return result
            self._discard(started.environment)  # it had died while idle and took nothing: try another one

    async def _run_in(
        self, started: _Started, function: FunctionVersion, payload: bytes, request_id: str
    ) -> InvocationResult | None:
        begun = time.perf_counter()
        outcome = started.failure
        lines = LogLines(0)
        if outcome is None:
            event = _event(function, payload, request_id)
            outcome = await started.environment.invoke(event, function.timeout_seconds)
            duration_ms = (time.perf_counter() - begun) * 1000
            if outcome is None:
                return None
            lines = await started.environment.log()
        else:
            duration_ms = 0.0
        if outcome.environment_lost:
            self._discard(started.environment)
        report = _report(started, function, request_id, outcome, lines, duration_ms)
        rendered = report.rendered()
        self._write_log(function, started.log_stream, rendered)
        if not outcome.environment_lost:
            self._shelve(function, started)
        return InvocationResult(
            payload=outcome.payload,
            function_error=outcome.error,
            log_tail=tail(rendered),
            executed_version=function.version,
            duration_ms=duration_ms,
            init_ms=report.init_ms,
            max_memory_mb=report.used_mb,
            request_id=request_id,
        )

    def _warm(self, function: FunctionVersion) -> _Started | None:
        pool = self._idle.get(function, [])
        while pool:
            started = pool.pop()
            if started.retirement is not None:
                started.retirement.cancel()
            if started.environment.is_alive:
                return started
            self._discard(started.environment)
        return None

    async def _start(self, function: FunctionVersion, request_id: str) -> _Started:
        """A new environment. An initialisation that takes too long is tried once more within the function's timeout."""
        begun = time.perf_counter()
        started = await self._launch(function)
        failure = await started.environment.start(self._limits.init_seconds, request_id)
        if failure is not None and b'"Sandbox.Timedout"' in failure.payload:
            self._discard(started.environment)
            started = await self._launch(function)
            failure = await started.environment.start(function.timeout_seconds, request_id)
        started.init_ms = (time.perf_counter() - begun) * 1000
        started.failure = failure
        lines = await started.environment.log() if failure else started.environment.init_log()
        started.init_lines = tuple(lines.lines)
        return started

    async def _launch(self, function: FunctionVersion) -> _Started:
        self._make_room()
        folder = await asyncio.to_thread(
            self._code.folder, function.code_sha256, lambda: self._catalogue.code(function)
        )
        place = Place(code=folder, own=own_folder(self._run_folder.path), sdk=self._sdk, relay=self._relay.path)
        day = time.strftime("%Y/%m/%d", time.gmtime(self._now()))
        log_stream = f"{day}/[{function.version}]{uuid.uuid4().hex}"
        walls = await asyncio.to_thread(self._walls)
        if walls is not None:
            await self._relay.start()
        launch = prepare(
            function,
            place,
            endpoint=self._endpoint(),
            credentials=self._credentials(function),
            log_stream=log_stream,
            walls=walls,
        )
        environment = Environment(function, place, launch, self._limits)
        self._live.add(environment)
        return _Started(environment, log_stream)

    def _make_room(self) -> None:
        """Let the longest idle environment go when there are as many as may be."""
        if len(self._live) < self._limits.max_environments:
            return
        idle = [started for pool in self._idle.values() for started in pool]
        if idle:
            self._retire(min(idle, key=lambda started: started.environment.idle_since))

    def _shelve(self, function: FunctionVersion, started: _Started) -> None:
        loop = asyncio.get_running_loop()
        started.environment.idle_since = loop.time()
        started.init_ms, started.init_lines = None, ()
        started.retirement = loop.call_later(self._limits.idle_seconds, self._retire, started)
        self._idle.setdefault(function, []).append(started)

    def _retire(self, started: _Started) -> None:
        if started.retirement is not None:
            started.retirement.cancel()
        pool = self._idle.get(started.environment.function, [])
        if started in pool:
            pool.remove(started)
        self._discard(started.environment)

    def _discard(self, environment: Environment) -> None:
        if environment not in self._live:
            return
        self._live.discard(environment)
        task = asyncio.create_task(environment.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _event(function: FunctionVersion, payload: bytes, request_id: str) -> Event:
    deadline_ms = int((time.time() + function.timeout_seconds) * 1000)
    return Event(request_id=request_id, arn=function.arn, payload=payload, deadline_ms=deadline_ms)


def _report(
    started: _Started, function: FunctionVersion, request_id: str, outcome: Outcome, lines: LogLines, duration_ms: float
) -> Report:
    failure = None
    if outcome.environment_lost:
        failure = str(json.loads(outcome.payload).get("errorMessage"))
    return Report(
        request_id=request_id,
        version=function.version,
        memory_mb=function.memory_mb,
        used_mb=started.environment.peak_kb // 1024,
        duration_ms=duration_ms,
        init_ms=started.init_ms,
        init_lines=started.init_lines,
        lines=tuple(lines.lines),
        n_dropped=lines.n_dropped,
        failure=failure,
    )


def _check_runnable(function: FunctionVersion) -> None:
    if function.n_layers:
        raise CodeRefused("Layers are not supported by the emulator yet: put the layer's content into the package.")
    if not function.runtime.startswith("python"):
        raise CodeRefused(f"The emulator runs Python functions only, not {function.runtime}.")
    if function.runtime != f"python{sys.version_info[0]}.{sys.version_info[1]}":
        log.debug("%s asks for %s and runs on %s", function.name, function.runtime, sys.version.split()[0])
