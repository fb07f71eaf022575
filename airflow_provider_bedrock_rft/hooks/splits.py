"""The parts of a split in the object store, under names that depend on their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.split import Split
    from airflow_provider_bedrock_rft.core.ports import ObjectStore


@payload("rft.split")
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSplit:
    """A dataset, divided and stored.

    Attributes:
        parts: Name → URI of its canonical JSONL.
        n_records: Name → records.
        fingerprints: Name → SHA-256 of the part's bytes.
        seed: Of the draw.
    """

    parts: Mapping[str, str]
    n_records: Mapping[str, int]
    fingerprints: Mapping[str, str]
    seed: int


def store_split(objects: ObjectStore, split: Split, artifacts_uri: str) -> StoredSplit:
    """Store every part; repeating it stores the same bytes under the same names."""
    from airflow_provider_bedrock_rft.core.dataset.jsonl import write_records

    contents, written = {}, {}
    for name, records in split.parts.items():
        buffer = BytesIO()
        written[name] = write_records(records, buffer)
        contents[name] = buffer.getvalue()
    fingerprints = {name: part.sha256 for name, part in written.items()}
    folder = f"{artifacts_uri.rstrip('/')}/splits/{fingerprint(fingerprints)[:16]}"
    uris = {name: f"{folder}/{name}.jsonl" for name in contents}
    for name, content in contents.items():
        objects.put_bytes(uris[name], content)
    return StoredSplit(
        parts=uris,
        n_records={name: part.n_records for name, part in written.items()},
        fingerprints=fingerprints,
        seed=split.seed,
    )
