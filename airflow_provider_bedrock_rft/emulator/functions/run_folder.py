"""The folder that an emulator's function processes live in while it runs, and the ones that killed emulators left.

It stands in the system's temporary folder because socket paths may have 108 bytes only. Whoever uses one holds a lock
in it, which the system releases however its holder ends: a folder whose lock is free is nobody's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TextIO

_PREFIX = "rft-fn-"
_LOCK = "owner"
_YOUNG_SECONDS = 60.0


class RunFolder:
    """A new, empty folder; those that are nobody's any more are removed first."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = (self.path / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or gone already
            if folder.stat().st_uid == os.getuid() and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open() as lock:
            return _is_free(lock)
    except FileNotFoundError:  # being made at this moment, or by a version that had no locks
        return time.time() - folder.stat().st_mtime > _YOUNG_SECONDS


def _is_free(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
