"""Folders of the project's own, each used by one command at a time."""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import ResourceConflict

if TYPE_CHECKING:
    from pathlib import Path

MAX_FOLDERS = 20


def claim(folder: Path) -> IO[str] | None:
    """Take the folder for this process; ``None`` when another one has it. Ends with the process, however that ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = (folder.parent / f"{folder.name}.lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def claim_one_of(folder: Path) -> tuple[Path, IO[str]]:
    """``folder``, or ``folder-2``, ``folder-3`` … when others have those before it.

    Raises:
        ResourceConflict: Twenty are taken.
    """
    for number in range(1, MAX_FOLDERS + 1):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        lock = claim(candidate)
        if lock is not None:
            return candidate, lock
    raise ResourceConflict(f"{MAX_FOLDERS} commands already run below {folder.parent}.", action="Stop some of them.")
