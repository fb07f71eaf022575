"""From the command line to sources: tables' columns, S3, and a progress bar where somebody watches."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TextIO

from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool
    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream
    from airflow_provider_bedrock_rft.core.dataset.source import Source

_BAR_WIDTH = 30
_MIN_BYTES_FOR_BAR = 4 * 1024 * 1024


def sources_of(paths: Sequence[str], split: str, args: argparse.Namespace, stack: ExitStack) -> list[Source]:
    """The sources that ``paths`` name; S3 is reached only when one of them is there."""
    from airflow_provider_bedrock_rft.clients.sources import find_sources

    spool = _spool(args, stack) if any(path.startswith("s3://") for path in paths) else None
    columns = ColumnMapping(
        prompt=args.prompt_column,
        reference=args.reference_column,
        system=args.system_column,
        record_id=args.id_column,
    )
    found = find_sources(paths, split=split, columns=columns, spool=spool)
    return [with_progress(source, sys.stderr) for source in found] if sys.stderr.isatty() else found


def _spool(args: argparse.Namespace, stack: ExitStack) -> S3Spool:
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session
    from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool

    region = args.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise InvalidInput("S3 needs a region.", action="Give --region, or set AWS_REGION.")
    session = Session(ClientConfig(region=region, endpoint_url=args.endpoint_url))
    return stack.enter_context(S3Spool(session.objects))


def with_progress(source: Source, terminal: TextIO) -> Source:
    """The source with a progress bar on ``terminal`` while it is read; small ones need none."""
    if source.size_bytes < _MIN_BYTES_FOR_BAR:
        return source
    return replace(source, open=partial(_open_watched, source, terminal))


@contextmanager
def _open_watched(source: Source, terminal: TextIO) -> Iterator[ByteStream]:
    with source.open() as stream:
        watched = _Watched(stream, source, terminal)
        yield watched
        watched.clear()


class _Watched:
    """Counts what is read and redraws when another percent is done."""

    def __init__(self, stream: ByteStream, source: Source, terminal: TextIO) -> None:
        self._stream = stream
        self._source = source
        self._terminal = terminal
        self._n_read = 0
        self._percent = -1

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._n_read += len(data)
        percent = min(100, 100 * self._n_read // self._source.size_bytes)
        if percent != self._percent:
            self._percent = percent
            bar = ("#" * (_BAR_WIDTH * percent // 100)).ljust(_BAR_WIDTH, ".")
            self._terminal.write(f"\r{self._source.name[-40:]} [{bar}] {percent:3d} %")
            self._terminal.flush()
        return data

    def clear(self) -> None:
        self._terminal.write("\r\x1b[K")
        self._terminal.flush()
