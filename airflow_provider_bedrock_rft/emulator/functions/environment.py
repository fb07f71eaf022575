"""One execution environment: a process that handles one event at a time until it fails, idles or is replaced."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions import processes
from airflow_provider_bedrock_rft.emulator.functions.code import remove
from airflow_provider_bedrock_rft.emulator.functions.invocation import Outcome, failure
from airflow_provider_bedrock_rft.emulator.functions.output import LogLines, OutputReader
from airflow_provider_bedrock_rft.emulator.functions.runtime_api import Event, RuntimeApi

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.functions.catalogue import FunctionVersion
    from airflow_provider_bedrock_rft.emulator.functions.launch import Launch, Place
    from airflow_provider_bedrock_rft.emulator.functions.limits import HostLimits


class Environment:
    """A function's process with its runtime API and its output."""

    def __init__(self, function: FunctionVersion, place: Place, launch: Launch, limits: HostLimits) -> None:
        self.function = function
        self.idle_since = 0.0
        self.peak_kb = 0
        self._place = place
        self._launch = launch
        self._limits = limits
        self._api = RuntimeApi(place.socket)
        self._request_id = ""
        self._main_pid = 0
        self._process: asyncio.subprocess.Process | None = None
        self._exited: asyncio.Task[int] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._output: OutputReader | None = None

    @property
    def is_alive(self) -> bool:
        """True while the process can take another event."""
        return self._process is not None and self._process.returncode is None

    async def start(self, timeout_seconds: float, request_id: str) -> Outcome | None:
        """Start the process and load the handler; the outcome is a failure, None is success.

        On a timeout the process is gone and the outcome's error type is ``Sandbox.Timedout``.
        """
        self._request_id = request_id
        await self._api.start()
        process = await asyncio.create_subprocess_exec(
            *self._launch.command,
            env=self._launch.environment,
            cwd=self._launch.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._process = process
        assert process.stdout is not None  # noqa: S101 -- asked for just above
        self._output = OutputReader(process.stdout, self._launch.token, max_bytes=self._limits.max_logged_bytes)
        self._reading = asyncio.create_task(self._output.run())
        self._exited = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._api.ready.wait())
        try:
            lost = await self._until(ready, timeout_seconds)
        finally:
            ready.cancel()
        return lost or self._api.init_failure

    async def invoke(self, event: Event, timeout_seconds: float) -> Outcome | None:
        """Handle one event; None if the process was gone before it took the event, which may then go elsewhere."""
        self._request_id = event.request_id
        if self._output is not None:
            self._output.await_end_of(event.request_id)
        answer = self._api.submit(event)
        lost = await self._until(answer, timeout_seconds)
        if lost is None:
            return answer.result() if not self._is_over_memory() else await self._out_of_memory()
        if lost.environment_lost and not self._api.is_taken:
            return None
        return lost

    async def log(self) -> LogLines:
        """What the initialisation or the invocation that has just ended has printed."""
        if self._output is None:
            return LogLines(0)
        return await self._output.finished(self._limits.log_wait_seconds)

    def init_log(self) -> LogLines:
        """What has been printed so far, without waiting."""
        return self._output.taken() if self._output is not None else LogLines(0)

    async def close(self) -> None:
        """End the process and everything it has started, and remove its folder."""
        self._kill()
        await self._api.close()
        if self._exited is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exited), self._limits.log_wait_seconds)
        for pid in await asyncio.to_thread(processes.holders_of, str(self._place.socket)):
            processes.kill(pid)
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.to_thread(remove, self._place.own)

    async def _until(self, wanted: asyncio.Future[Outcome] | asyncio.Task[bool], seconds: float) -> Outcome | None:
        """Wait for ``wanted`` and watch the process meanwhile; the outcome says why it will not come."""
        assert self._exited is not None  # noqa: S101 -- set by start
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not wanted.done():
            left = deadline - loop.time()
            if left <= 0:
                return await self._timed_out(seconds)
            pause = min(left, self._limits.watch_seconds)
            await asyncio.wait({wanted, self._exited}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done() and self._exited.done():
                return self._exit_outcome()
            if not wanted.done() and self._is_over_limits():
                return await self._out_of_memory()
        return None

    def _is_over_limits(self) -> bool:
        assert self._process is not None  # noqa: S101 -- set by start
        used = processes.usage(self._process.pid)
        self.peak_kb = max(self.peak_kb, used.rss_kb)
        return used.rss_kb > self.function.memory_mb * 1024 or used.n_processes > self._limits.max_processes

    def _is_over_memory(self) -> bool:
        """A peak between two looks counts as well."""
        assert self._process is not None  # noqa: S101 -- set by start
        self._main_pid = self._main_pid or processes.largest(self._process.pid)  # behind walls it is a descendant
        self.peak_kb = max(self.peak_kb, processes.peak_kb(self._main_pid))
        return self.peak_kb > self.function.memory_mb * 1024

    async def _out_of_memory(self) -> Outcome:
        self._kill()
        return self._failure("Runtime.ExitError", "Runtime exited with error: signal: killed")

    async def _timed_out(self, seconds: float) -> Outcome:
        self._kill()
        return self._failure("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")

    def _exit_outcome(self) -> Outcome:
        assert self._process is not None  # noqa: S101 -- set by start
        self._kill()  # what it has started must not outlive it
        return self._failure("Runtime.ExitError", _exit_message(self._process.returncode or 0))

    def _failure(self, kind: str, message: str) -> Outcome:
        return failure(kind, message, request_id=self._request_id, environment_lost=True)

    def _kill(self) -> None:
        if self._process is not None:
            processes.kill_tree(self._process.pid)


def _exit_message(code: int) -> str:
    signals = {9: "killed", 11: "segmentation fault", 6: "aborted", 15: "terminated"}
    number = -code if code < 0 else code - 128
    if number in signals:
        return f"Runtime exited with error: signal: {signals[number]}"
    return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"
