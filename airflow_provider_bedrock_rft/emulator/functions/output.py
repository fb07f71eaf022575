"""Reads what a function prints and puts every line where it belongs.

The runtime client writes marks into the same stream as the function, so a line that is read late is still filed
under the invocation that wrote it, and never under the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

INIT = "-"
_READ_BYTES = 1 << 16
_MAX_LINE_BYTES = 1 << 18


@dataclass(slots=True)
class LogLines:
    """The newest lines of one invocation, at most ``max_bytes`` of them, oldest dropped first."""

    max_bytes: int
    lines: deque[str] = field(default_factory=deque)
    n_bytes: int = 0
    n_dropped: int = 0

    def add(self, line: str) -> None:
        """Keep a line, at the cost of the oldest ones."""
        self.lines.append(line)
        self.n_bytes += len(line) + 1
        while self.n_bytes > self.max_bytes and len(self.lines) > 1:
            self.n_bytes -= len(self.lines.popleft()) + 1
            self.n_dropped += 1


class OutputReader:
    """Sorts a stream's lines by the marks in it. ``token`` is what a mark begins with.

    What is printed before the first start mark is the log of the initialisation. What comes between an end mark and
    the next start mark was written too late for its own invocation and is dropped.
    """

    def __init__(self, stream: asyncio.StreamReader, token: str, *, max_bytes: int) -> None:
        self._stream = stream
        self._token = token.encode()
        self._max_bytes = max_bytes
        self._pending = b""
        self._lines = LogLines(max_bytes)
        self._is_open = True
        self._awaited = INIT
        self._ended = asyncio.Event()
        self._closed = False

    async def run(self) -> None:
        """Read until the stream closes."""
        try:
            while chunk := await self._stream.read(_READ_BYTES):
                self._feed(chunk)
        finally:
            self._line(self._pending)
            self._closed = True
            self._ended.set()

    def await_end_of(self, request_id: str) -> None:
        """From now on :meth:`finished` waits for this invocation's end mark."""
        self._awaited = request_id
        if not self._closed:
            self._ended.clear()

    async def finished(self, timeout_seconds: float) -> LogLines:
        """All lines up to the end mark (or of a closed stream), or what has come when the time is up."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), timeout_seconds)
        return self.taken()

    def taken(self) -> LogLines:
        """The lines that have come so far; the next call begins anew."""
        lines, self._lines = self._lines, LogLines(self._max_bytes)
        return lines

    def _feed(self, chunk: bytes) -> None:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._pending) > _MAX_LINE_BYTES:
            self._line(self._pending)
            self._pending = b""

    def _line(self, line: bytes) -> None:
        if line.startswith(self._token):
            self._mark(line[len(self._token) + 1 :].decode())
        elif line and self._is_open:  # marks bring empty lines with them
            self._lines.add(line.decode("utf-8", "replace"))

    def _mark(self, mark: str) -> None:
        word, _, request_id = mark.partition(" ")
        self._is_open = word != "end"
        if word == "end" and request_id == self._awaited:
            self._ended.set()
