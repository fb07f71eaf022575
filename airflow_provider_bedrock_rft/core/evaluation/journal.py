"""Results are stored as they come: one writer takes whatever is waiting and stores it as one chunk."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class Journal:
    """Lines on their way to durable storage (group commit).

    At a low rate every line is stored at once; at a high rate those that came while the last chunk was being written
    share the next. A killed worker loses at most the lines of one write. ``append`` is safe from many threads.
    """

    def __init__(self, store: Callable[[bytes], None]) -> None:
        self._store = store
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._writer = threading.Thread(target=self._write_all, name="rft-journal", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._writer.join()
        if self._failure is not None and error is None:
            raise self._failure

    def append(self, line: bytes) -> None:
        """Hand over one line, without its line break; raises what the last write raised."""
        if self._failure is not None:
            raise self._failure
        self._waiting.put(line)

    def _write_all(self) -> None:
        while (line := self._waiting.get()) is not None:
            chunk = [line]
            is_last = False
            while not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    is_last = True
                    break
                chunk.append(following)
            if not self._try_store(b"\n".join(chunk) + b"\n") or is_last:
                return

    def _try_store(self, chunk: bytes) -> bool:
        try:
            self._store(chunk)
        except Exception as error:  # noqa: BLE001 - carried to the thread that appends
            self._failure = error
            return False
        return True
