"""What ``/proc`` tells about a function's processes, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resident memory and number of a process and all its descendants."""

    rss_kb: int
    n_processes: int


def usage(pid: int) -> Usage:
    """What the tree below ``pid`` uses now; zero where there is no ``/proc``."""
    pids = tree(pid)
    return Usage(rss_kb=sum(map(_rss_kb, pids)), n_processes=len(pids))


def largest(pid: int) -> int:
    """The process of the tree below ``pid`` that has had the most memory."""
    return max(tree(pid), key=peak_kb)


def peak_kb(pid: int) -> int:
    """The highest resident memory that one process has had so far."""
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def tree(pid: int) -> list[int]:
    """``pid`` and its descendants."""
    found = [pid]
    for parent in found:
        found.extend(_children(parent))
    return found


def kill_tree(pid: int) -> None:
    """Kill a process, its group and its descendants, also those that have left the group."""
    pids = tree(pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for member in pids:
        kill(member)


def kill(pid: int) -> None:
    """Kill one process if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def holders_of(mark: str) -> list[int]:
    """Processes that were started with ``mark`` in their environment: orphans of a function included."""
    wanted = mark.encode()
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                children.extend(map(int, (task / "children").read_text().split()))
    return children


def _rss_kb(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_KB
    except (OSError, ValueError, IndexError):
        return 0
