"""Child processes that outlive a command and are found again: by process id *and* start time, never by id alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import psutil

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process this project started.

    Attributes:
        name: ``emulator``, ``scheduler`` …
        pid: Process id; also its process group's id.
        started_at: Epoch seconds; with the id, it tells this process from a later one.
    """

    name: str
    pid: int
    started_at: float

    def to_json(self) -> Mapping[str, object]:
        """For the state file."""
        return asdict(self)


def start(name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Started:
    """Start ``command`` in a process group of its own, its output appended to ``log``."""
    import psutil

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 -- our own interpreter and modules
            list(command),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
        )
    return Started(name=name, pid=process.pid, started_at=psutil.Process(process.pid).create_time())


def is_running(started: Started) -> bool:
    """True while that very process lives (a zombie does not)."""
    import psutil

    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.started_at) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop(processes: Sequence[Started], *, patience_seconds: float = 15.0) -> None:
    """Ask politely (SIGTERM), wait, then kill each whole process group."""
    import psutil

    living = [started for started in processes if is_running(started)]
    family = [relative for started in living for relative in _family(started)]
    for started in living:
        _signal_group(started, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(family, timeout=patience_seconds)
    for started in living:
        _signal_group(started, signal.SIGKILL)
    for relative in stubborn:
        if relative.is_running():
            relative.kill()
    psutil.wait_procs(family, timeout=5)


def _family(started: Started) -> list[psutil.Process]:
    import psutil

    try:
        process = psutil.Process(started.pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(started: Started, number: signal.Signals) -> None:
    try:
        os.killpg(started.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def free_port(preferred: int = 0) -> int:
    """``preferred`` when nobody listens there, else any free port of the loopback interface."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("No free port on the loopback interface.")


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter, whatever the working directory holds."""
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else []), "-m", module, *arguments]
