"""Datasets wherever they lie: local files, S3 objects and prefixes; plain, packed, or as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.hooks.inputs import fields_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool
    from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import ObjectStore

DATASET_FILE = {"rft.dataset_file": "uri"}
"""Payloads that stand for a dataset which is not uploaded yet."""


def is_remote(place: str) -> bool:
    """True for an ``s3://`` URI."""
    return place.startswith("s3://")


class Datasets:
    """What one task reads; an S3 object is fetched once, at the version it had when it was named."""

    def __init__(self, spool: S3Spool, columns: ColumnMapping | None = None) -> None:
        self._spool = spool
        self._columns = columns

    def sources(self, given: object, field: str, split: str) -> list[Source]:
        """The sources that a field names: a place, a payload of :data:`DATASET_FILE`, or a sequence of either.

        A place that cannot be read becomes a source that says so when it is opened.

        Raises:
            InvalidInput: Nothing is given, or there is nothing below a prefix.
        """
        from airflow_provider_bedrock_rft.clients.sources import find_sources

        return find_sources(places_of(given, field), split=split, columns=self._columns, spool=self._spool)


def places_of(given: object, field: str) -> list[str]:
    """The places that a field names; see :meth:`Datasets.sources`."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [text_of(one, field, DATASET_FILE) for one in several]


@contextmanager
def reading(objects: ObjectStore, columns: Mapping[str, object] | None = None) -> Iterator[Datasets]:
    """A way to read datasets; what it fetched is gone when the block ends.

    Raises:
        InvalidInput: ``columns`` has a field that :class:`ColumnMapping` has not.
    """
    from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool
    from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping

    mapping = fields_of(columns, "columns", ColumnMapping)
    with S3Spool(objects) as spool:
        yield Datasets(spool, mapping)


def read_all(objects: ObjectStore, place: object) -> tuple[Record, ...]:
    """Every record of a dataset.

    Raises:
        InvalidDataset: A line is no record, or the file cannot be read.
    """
    from airflow_provider_bedrock_rft.core.steps.dataset import records_in

    with reading(objects) as datasets:
        return tuple(records_in(datasets.sources(place, "dataset", "train")))


def content_of(objects: ObjectStore, place: str) -> bytes:
    """A small file, whole.

    Raises:
        InvalidInput: It cannot be read.
    """
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.errors import InvalidInput, ResourceNotFound

    try:
        return objects.get(place) if is_remote(place) else Path(place).read_bytes()
    except ResourceNotFound:
        raise InvalidInput(f"There is no object {place}.", action="Check what writes it.") from None
    except OSError as error:
        raise InvalidInput(f"{place} cannot be read: {error.strerror}.", action="Check the path.") from None
