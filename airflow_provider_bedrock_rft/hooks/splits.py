"""The parts of a split in the object store, under names that depend on their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.dataset.jsonl import Written
    from airflow_provider_bedrock_rft.core.dataset.split import Split
    from airflow_provider_bedrock_rft.core.dataset.statistics import DatasetStatistics
    from airflow_provider_bedrock_rft.core.ports import ObjectStore
    from airflow_provider_bedrock_rft.core.steps.dataset_making import DatasetFile


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


def store_dataset(
    objects: ObjectStore, path: Path, written: Written, artifacts_uri: str, *, counts: Mapping[str, int]
) -> DatasetFile:
    """Store a dataset that was just written, under a name that follows from its content.

    Raises:
        InvalidDataset: There is no record in it.
    """
    from airflow_provider_bedrock_rft.core.dataset.fingerprint import content_name
    from airflow_provider_bedrock_rft.core.errors import InvalidDataset
    from airflow_provider_bedrock_rft.core.steps.dataset_making import DatasetFile, count_words

    if not written.n_records:
        raise InvalidDataset(f"No record was made ({count_words(counts)}).", action="Widen the filter.")
    uri = f"{artifacts_uri.rstrip('/')}/datasets/{content_name(written.sha256)}"
    objects.put(uri, path)
    return DatasetFile(uri=uri, fingerprint=written.sha256, n_records=written.n_records, counts=dict(counts))


def store_page(objects: ObjectStore, statistics: DatasetStatistics, folder: str, *, title: str) -> str:
    """Store the page of a dataset's statistics, under a name that follows from them."""
    from airflow_provider_bedrock_rft.core.dataset.page import statistics_page

    uri = f"{folder}/statistics-{fingerprint(statistics)[:16]}.html"
    objects.put_bytes(uri, statistics_page(statistics, title).encode())
    return uri


def mean_rewards_at(objects: ObjectStore, given: object) -> Mapping[str, float]:
    """How hard each record is, from the readiness step's payload or its difficulty file.

    Raises:
        InvalidInput: There is no such file, or it is no difficulty file.
    """
    from airflow_provider_bedrock_rft.core.dataset.difficulty import parse_mean_rewards
    from airflow_provider_bedrock_rft.hooks.files import content_of
    from airflow_provider_bedrock_rft.hooks.inputs import text_of

    place = text_of(given, "readiness", {"rft.readiness": "difficulty_uri"})
    return parse_mean_rewards(content_of(objects, place), place)
