"""Child processes that outlive a command and are found again: by process id *and* start time, never by id alone."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psutil

LOOPBACK = "127.0.0.1"
_RESERVED: list[IO[str]] = []
"""Held open: closing a file would give its port away."""


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


def reserve_port(preferred: int) -> int:
    """The first port from ``preferred`` upwards that nobody listens on and no other command of ours is about to use.

    The reservation holds until this process ends; by then whoever it was made for listens.

    Raises:
        OSError: A thousand ports in a row are taken.
    """
    for port in range(preferred, preferred + 1000):
        if _is_free(port) and (lock := _lock(port)) is not None:
            _RESERVED.append(lock)
            return port
    raise OSError(f"No port is free from {preferred} to {preferred + 999} on the loopback interface.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _lock(port: int) -> IO[str] | None:
    lock = (Path(tempfile.gettempdir()) / f"bedrock-rft-port-{port}.lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter, whatever the working directory holds."""
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else []), "-m", module, *arguments]
