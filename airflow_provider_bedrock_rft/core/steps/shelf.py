"""Lines kept in the object store as chunks below one prefix, added to by any number of workers."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.evaluation.answer import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.ports import ObjectStore

Line = TypeVar("Line")

_N_READERS = 16


class Shelf:
    """Chunks named by their content: workers never overwrite each other, and a repeated write changes nothing."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        self._objects = objects
        self._prefix = prefix.rstrip("/") + "/"

    def put(self, chunk: bytes) -> None:
        """Store a chunk of lines durably before returning."""
        name = hashlib.sha256(chunk).hexdigest()[:24]
        self._objects.put_bytes(f"{self._prefix}{name}.jsonl", chunk)

    def read(self, cls: type[Line]) -> Iterator[Line]:
        """Every stored line, ordered by chunk name.

        Raises:
            InvalidPayload: A line cannot be read.
        """
        uris = sorted(self._objects.list(self._prefix))
        with ThreadPoolExecutor(max_workers=_N_READERS, thread_name_prefix="rft-read") as pool:
            for uri, chunk in zip(uris, pool.map(self._objects.get, uris), strict=True):
                yield from read_lines(cls, chunk, source=uri)
