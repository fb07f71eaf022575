"""How far an upload is, in the task's log."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TransferLog:
    """Told of bytes as they go, from any thread; says about ten times how many have gone.

    Args:
        size_bytes: Of the whole.
        say: Writes a line of the log.
    """

    def __init__(self, size_bytes: int, say: Callable[[str], None]) -> None:
        self._size = max(1, size_bytes)
        self._say = say
        self._lock = Lock()
        self._n_sent = 0
        self._n_said = 0

    def __call__(self, n_bytes: int) -> None:
        """So many more have gone."""
        with self._lock:
            self._n_sent += n_bytes
            tenths = min(10, 10 * self._n_sent // self._size)
            if tenths > self._n_said:
                self._n_said = tenths
                self._say(f"Uploaded {min(self._n_sent, self._size):,} of {self._size:,} bytes ({tenths * 10} %).")
