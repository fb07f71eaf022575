"""Compressed streams, read without ever trusting how large they claim to unpack."""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RATIO = 200
"""JSONL of real text packs 3 to 30 times smaller."""
MAX_BYTES_BEFORE_RATIO = 64 * 1024 * 1024
"""Below it any ratio is harmless."""


@contextmanager
def decompressed(raw: IO[bytes], packing: str, name: str) -> Iterator[IO[bytes]]:
    """``raw`` unpacked according to ``packing`` (``.gz``, ``.zst`` or empty).

    Raises:
        InvalidDataset: Damaged, or a bomb (code ``compression-bomb``); while it is read, too.
    """
    opened: IO[bytes] = raw
    damage: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error)
    if packing == ".gz":
        import gzip

        opened = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    elif packing == ".zst":
        opened, damage = _open_zstandard(raw, name)
    yield cast("IO[bytes]", _Guarded(opened, raw, name, damage))


def _open_zstandard(raw: IO[bytes], name: str) -> tuple[IO[bytes], tuple[type[Exception], ...]]:
    try:
        import zstandard
    except ImportError:
        message = f"{name} needs the package zstandard (extra: datasets)."
        raise InvalidDataset(message, code="unreadable-file") from None
    unpacking: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return unpacking, (OSError, zstandard.ZstdError)


class _Guarded:
    """Passes reads through; turns damage and absurd ratios into our errors."""

    def __init__(self, stream: IO[bytes], raw: IO[bytes], name: str, damage: tuple[type[Exception], ...]) -> None:
        self._stream = stream
        self._raw = raw
        self._name = name
        self._damage = damage
        self._n_read = 0

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._stream.read(size)
        except self._damage as error:
            raise self._refusal("unreadable-file", f"is damaged: {error}") from None
        self._n_read += len(data)
        if self._stream is not self._raw and self._n_read > MAX_BYTES_BEFORE_RATIO:
            ratio = self._n_read / max(1, self._raw.tell())
            if ratio > MAX_RATIO:
                raise self._refusal("compression-bomb", f"unpacks to {ratio:,.0f} times its size")
        return data

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def _refusal(self, code: str, what: str) -> InvalidDataset:
        return InvalidDataset(f"{self._name} {what}.", code=code)
