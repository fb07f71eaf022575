"""What a dataset *is*: the SHA-256 of its canonical bytes, whatever format, key order or white space it came in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.record import Record, canonical_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN_DIGITS = 16


def dataset_fingerprint(records: Iterable[Record]) -> str:
    """SHA-256 of the canonical JSONL of ``records``, in hex."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(canonical_line(record))
    return digest.hexdigest()


def content_name(fingerprint: str) -> str:
    """The stored file's name: equal content is found again under it."""
    return f"rft-{fingerprint[:_SHOWN_DIGITS]}.jsonl"
