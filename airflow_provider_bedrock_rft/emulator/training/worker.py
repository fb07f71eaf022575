"""The process in which one job's policy lives, spoken to in JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.exchange import Json, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

_LINE_LIMIT_BYTES = 256 * 1024 * 1024
COMMAND = (sys.executable, "-m", "airflow_provider_bedrock_rft.emulator.learner.worker")
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerFailure(Exception):
    """The worker refused a command, died or wrote nonsense."""


class WorkerDied(WorkerFailure):
    """The worker is gone: another one can go on from the last snapshot."""


class Worker:
    """A running worker; one command at a time. Use as an async context manager: leaving it ends the process."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = tuple(command) or COMMAND
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            env={**environment, **_ONE_THREAD},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._started()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()

    async def ask(self, command: Mapping[str, object]) -> Json:
        """The worker's answer to one command.

        Raises:
            WorkerDied: there was none; WorkerFailure: it was an error.
        """
        process = self._started()
        if process.stdin is None or process.stdout is None:
            raise WorkerFailure("The worker has no pipes.")
        try:
            process.stdin.write(encode(command) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except ConnectionError as error:
            raise WorkerDied(f"The worker could not be asked: {error!r}") from error
        except ValueError as error:
            raise WorkerFailure(f"The worker's answer is too long: {error}") from error
        if not line:
            raise WorkerDied(f"The worker ended in the middle of the job (exit status {await process.wait()}).")
        return _parse(line)

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise WorkerFailure("The worker has not been started.")
        return self._process


def _parse(line: bytes) -> Json:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise WorkerFailure("The worker wrote something that is not JSON.") from error
    if not isinstance(answer, dict):
        raise WorkerFailure("The worker wrote something that is not an object.")
    if error_of := answer.get("error"):
        raise WorkerFailure(f"{error_of.get('type')}: {error_of.get('message')}")
    return answer
