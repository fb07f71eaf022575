"""Datasets at a local path or in S3, as files and as records."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_bedrock_rft.core.errors import InvalidDataset, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.dataset.jsonl import Written
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import ObjectStore


def is_remote(place: str) -> bool:
    """True for an ``s3://`` URI."""
    return place.startswith("s3://")


@contextmanager
def local_copy(objects: ObjectStore, place: str) -> Iterator[Path]:
    """``place`` as a local file; one from S3 is gone again afterwards."""
    if not is_remote(place):
        yield Path(place)
        return
    with TemporaryDirectory(prefix="rft-") as folder:
        path = Path(folder, "dataset.jsonl")
        try:
            path.write_bytes(objects.get(place))
        except ResourceNotFound:
            raise InvalidDataset(
                f"There is no object {place}.", action="Check what writes it.", code="unreadable-file"
            ) from None
        yield path


@contextmanager
def canonical_copy(path: Path, *, name: str) -> Iterator[tuple[Path, Written]]:
    """The records of ``path`` as canonical JSONL in a file of its own, and what it holds.

    Raises:
        InvalidDataset: A line is no record; the message gives ``name`` and the line.
    """
    from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records, write_records

    with TemporaryDirectory(prefix="rft-") as folder:
        canonical = Path(folder, "canonical.jsonl")
        with _opened(path, name) as source, canonical.open("wb") as sink:
            written = write_records(read_records(source, file=name), sink)
        yield canonical, written


def read_all(objects: ObjectStore, place: str) -> tuple[Record, ...]:
    """Every record of a dataset.

    Raises:
        InvalidDataset: A line is no record, or the file cannot be read.
    """
    from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records

    with local_copy(objects, place) as path, _opened(path, place) as stream:
        return tuple(read_records(stream, file=place))


def source_at(objects: ObjectStore, place: str, split: str) -> Source:
    """A dataset as the check reads it; nothing is opened yet."""
    from airflow_provider_bedrock_rft.core.dataset.source import Source

    return Source(name=place, open=lambda: _opened_at(objects, place), split=split)


@contextmanager
def _opened_at(objects: ObjectStore, place: str) -> Iterator[BinaryIO]:
    with local_copy(objects, place) as path, _opened(path, place) as stream:
        yield stream


def _opened(path: Path, name: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidDataset(
            f"{name} cannot be read: {error.strerror}.",
            action="Check the path, and that every worker has it; an s3:// URI is read from anywhere.",
            code="unreadable-file",
        ) from None
