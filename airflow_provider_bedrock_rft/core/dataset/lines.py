"""A binary stream in blocks of whole lines, in flat memory whatever the stream holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 256 * 1024
"""Best size for decoding a block while it is still in the cache (measured; 4 MiB is 45 % slower)."""
MAX_LINE_BYTES = 8 * 1024 * 1024
"""A prompt of this size exceeds every model's context many times over."""
_LARGE = 64 * 1024
_LF = 10
BOM = b"\xef\xbb\xbf"


class ByteStream(Protocol):
    """What is read: a file opened for reading bytes, or anything with its ``read``."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive whole lines.

    Attributes:
        data: Their bytes, line breaks included; empty for an overlong line.
        first_line: Number of the first, counted from 1.
        n_breaks: Line breaks in ``data``.
        is_overlong: The line at ``first_line`` was longer than allowed and its bytes were let go.
    """

    data: bytes
    first_line: int
    n_breaks: int = 0
    is_overlong: bool = False

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line's number and bytes, its line break included."""
        return enumerate(
            self.data.splitlines(keepends=True) if b"\r" not in self.data else _split(self.data), self.first_line
        )


def _split(data: bytes) -> list[bytes]:
    """Split at LF alone: a bare CR inside a line is part of it."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def read_blocks(
    stream: ByteStream, *, block_bytes: int = BLOCK_BYTES, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Block]:
    """The stream's lines in blocks; a line over ``max_line_bytes`` is passed by without being held."""
    pending, line = b"", 1
    while chunk := stream.read(block_bytes):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            data, pending = b"".join((pending, memoryview(chunk)[:cut])), chunk[cut:]
            n_breaks = _breaks_in(data)
            yield Block(data=data, first_line=line, n_breaks=n_breaks)
            line += n_breaks
        else:
            pending += chunk
        if len(pending) > max_line_bytes:
            yield Block(data=b"", first_line=line, is_overlong=True)
            pending = _after_next_break(stream, block_bytes)
            line += 1
    if pending:
        yield Block(data=pending, first_line=line)


def _breaks_in(data: bytes) -> int:
    """Like ``data.count``, three times faster where it counts."""
    if len(data) < _LARGE:
        return data.count(b"\n")
    import numpy as np  # noqa: PLC0415  # 0.1 s that only large files pay

    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _LF))


def _after_next_break(stream: ByteStream, block_bytes: int) -> bytes:
    while chunk := stream.read(block_bytes):
        cut = chunk.find(b"\n") + 1
        if cut:
            return chunk[cut:]
    return b""
