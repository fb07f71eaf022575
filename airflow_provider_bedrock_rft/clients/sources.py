"""Datasets where they lie: local paths, S3 objects and prefixes; plain, compressed, or as tables."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_provider_bedrock_rft.clients.sources_compressed import decompressed
from airflow_provider_bedrock_rft.clients.sources_tables import csv_lines, parquet_lines
from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN, Source
from airflow_provider_bedrock_rft.core.errors import InvalidDataset, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool
    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream

_TABLES = {".csv": csv_lines, ".tsv": csv_lines, ".parquet": parquet_lines}
_COMPRESSED = {".gz", ".zst"}


def find_sources(
    paths: Sequence[str], *, split: str = TRAIN, columns: ColumnMapping | None = None, spool: S3Spool | None = None
) -> list[Source]:
    """The sources that ``paths`` name: files, ``s3://`` objects, and ``s3://…/`` prefixes (all objects below).

    A path that cannot be read becomes a source that says so when it is opened: the check reports it as a finding.

    Raises:
        InvalidInput: An ``s3://`` path without ``spool``, or a prefix without objects.
    """
    mapping = columns or ColumnMapping()
    found: list[Source] = []
    for path in paths:
        if not path.startswith("s3://"):
            found.append(_local(path, mapping))
        elif spool is None:
            raise InvalidInput(f"{path} needs AWS credentials.", action="Give a region and credentials.")
        else:
            found.extend(_remote(uri, mapping, spool) for uri in spool.expand(path))
    return [replace(source, split=split) for source in found]


def _local(name: str, mapping: ColumnMapping) -> Source:
    path = Path(name)
    size = path.stat().st_size if path.is_file() else 0
    locate = partial(Path, name) if _is_plain(name) else None
    return Source(name=name, open=partial(_open_local, path, name, mapping), size_bytes=size, locate=locate)


def _remote(uri: str, mapping: ColumnMapping, spool: S3Spool) -> Source:
    version = spool.version(uri)
    locate = partial(spool.fetch, uri, version) if _is_plain(uri) else None
    return Source(name=uri, open=partial(_open_remote, uri, version, mapping, spool), version=version, locate=locate)


def _is_plain(name: str) -> bool:
    """True when the bytes are read as they lie."""
    suffix = Path(name).suffix.lower()
    return suffix not in _COMPRESSED and suffix not in _TABLES


@contextmanager
def _open_remote(uri: str, version: str, mapping: ColumnMapping, spool: S3Spool) -> Iterator[ByteStream]:
    with _open_local(spool.fetch(uri, version), uri, mapping) as stream:
        yield stream


@contextmanager
def _open_local(path: Path, name: str, mapping: ColumnMapping) -> Iterator[ByteStream]:
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise InvalidDataset(f"{name} cannot be read: {error.strerror}.", code="unreadable-file") from None
        suffixes = [suffix.lower() for suffix in Path(name).suffixes]
        packing = suffixes.pop() if suffixes and suffixes[-1] in _COMPRESSED else ""
        stream = stack.enter_context(decompressed(raw, packing, name))
        to_lines = _TABLES.get(suffixes[-1] if suffixes else "")
        before = _stamp_of(raw)
        yield to_lines(stream, name, mapping) if to_lines else stream
        if _stamp_of(raw) != before:
            raise InvalidDataset(f"{name} changed while it was read.", code="changed-while-read")


def _stamp_of(file: IO[bytes]) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
