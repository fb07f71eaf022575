"""Where records are read from: a name for messages, a split, and a way to open the bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream

TRAIN, VALIDATION, TEST, EVALUATION = "train", "validation", "test", "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A JSONL stream that can be opened more than once.

    Attributes:
        name: How findings call it: a path or URI.
        open: Opens it; raises :class:`~core.errors.InvalidDataset` with ``code`` among its details when it cannot.
        split: ``train``, ``validation``, ``test`` or ``evaluation``; leakage is looked for between splits.
        version: ETag, or another word that changes with the content; empty when there is none.
        size_bytes: For progress; 0 when unknown.
        locate: Where the very bytes of the stream lie as a file, if they do; raises like ``open``.
    """

    name: str
    open: Callable[[], AbstractContextManager[ByteStream]]
    split: str = TRAIN
    version: str = ""
    size_bytes: int = 0
    locate: Callable[[], Path] | None = None

    @classmethod
    def of_bytes(cls, data: bytes, *, name: str = "dataset", split: str = TRAIN) -> Source:
        """A source held in memory."""
        return cls(name=name, open=lambda: io.BytesIO(data), split=split, size_bytes=len(data))
