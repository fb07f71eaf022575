"""A process that scans parts of datasets, and how it is spoken to."""

from __future__ import annotations

import gc
import io
import os
import pickle
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.finding import FindingLog
from airflow_provider_bedrock_rft.core.dataset.lines import read_blocks
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements
from airflow_provider_bedrock_rft.core.dataset.scan import FileScan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.dataset.learned import LearnedFormat
    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream

_SEARCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Whole lines of one source: ``data``, or the bytes of ``path`` from ``start`` to ``stop``."""

    name: str
    split: str
    opens_source: bool
    path: Path | None = None
    start: int = 0
    stop: int = 0
    data: bytes = b""


def send(stream: IO[bytes] | None, value: object) -> None:
    """Write one value.

    Raises:
        BrokenPipeError: Nobody reads it.
    """
    if stream is None:
        raise BrokenPipeError
    pickle.dump(value, stream, protocol=5)
    stream.flush()


def receive(stream: IO[bytes] | None) -> object:
    """Read one value.

    Raises:
        EOFError: There is none: the other side is gone.
    """
    if stream is None:
        raise EOFError
    return pickle.load(stream)  # noqa: S301 - our own process, at the other end of its pipe


def cuts_of(path: Path, range_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges of about that size that end with a line."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = 0
        while start < size:
            stop = _after_break(stream, start + range_bytes, size)
            yield start, stop
            start = stop


def _after_break(stream: IO[bytes], at: int, size: int) -> int:
    stream.seek(at)
    while at < size and (chunk := stream.read(_SEARCH_BYTES)):
        found = chunk.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(chunk)
    return size


class _Range:
    """Some of a file's bytes as a stream."""

    def __init__(self, stream: IO[bytes], start: int, stop: int) -> None:
        stream.seek(start)
        self._stream = stream
        self._left = stop - start

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


@contextmanager
def _bytes_of(job: Job) -> Iterator[ByteStream]:
    if job.path is None:
        yield io.BytesIO(job.data)
        return
    with job.path.open("rb", buffering=0) as stream:
        yield _Range(stream, job.start, job.stop)


def scan_part(job: Job, needs: Requirements, log: FindingLog, learned: LearnedFormat | None) -> FileScan:
    """Scan the lines of a job, which are numbered from 1."""
    scan = FileScan.of(job.name, job.split, needs, log)
    scan.opens_source = job.opens_source
    scan.learned = learned
    with _bytes_of(job) as stream:
        for block in read_blocks(stream):
            scan.take_block(block)
    return scan


def main() -> None:
    """Scan until nobody asks any more; the first thing said is whose rules apply."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed must not come between the answers
    gc.disable()  # what is made here by the million holds no cycles
    jobs = sys.stdin.buffer
    needs, max_kept_per_code = _settings_in(receive(jobs))
    learned: LearnedFormat | None = None
    while True:
        try:
            job = receive(jobs)
        except EOFError:
            return
        if isinstance(job, Job):
            scan = scan_part(job, needs, FindingLog(max_kept_per_code=max_kept_per_code), learned)
            learned = scan.release()
            send(answers, scan)


def _settings_in(value: object) -> tuple[Requirements, int]:
    match value:
        case (Requirements() as needs, int(number)):
            return needs, number
        case _:
            raise EOFError
