"""Results are stored as they come: one writer takes whatever is waiting and stores it as one chunk."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
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
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rft-journal")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        self._writing = self._writer.submit(self._write_all)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._writer.shutdown()
        if error is None:
            self._raise_failure()

    def append(self, line: bytes) -> None:
        """Hand over one line, without its line break; raises what the last write raised."""
        self._raise_failure()
        self._waiting.put(line)

    def _raise_failure(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()

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
            self._store(b"\n".join(chunk) + b"\n")
            if is_last:
                return
