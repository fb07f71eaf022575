"""The check of a dataset, on as many processors as pay for its size.

The first pass of a large dataset is shared out to processes of their own: plain files by byte range, other sources by
the blocks they are read in. The parts are put together in order, so the findings are those of one process. Hashes of
keys are comparable among the workers only, which share a seed; therefore all sources go to them, or none.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from secrets import randbelow
from threading import Semaphore
from typing import TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.clients.scan_worker import Job, cuts_of, receive, send
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.finding import FindingLog
from airflow_provider_bedrock_rft.core.dataset.lines import Block, read_blocks
from airflow_provider_bedrock_rft.core.dataset.scan import HEAD_BYTES, FileScan, check_head, refusing, scan_sources
from airflow_provider_bedrock_rft.core.dataset.source import Source
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.dataset.length import CountTokens
    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream
    from airflow_provider_bedrock_rft.core.dataset.quota import Requirements

MIN_BYTES = 64 * 1024 * 1024
"""Below it, starting processes costs more than they save."""
MAX_WORKERS = 3
"""Each takes about 50 MB."""
RANGE_BYTES = 48 * 1024 * 1024
"""Putting a part together costs the more, the more parts there are; the last ones leave workers idle."""
_BATCH_BYTES = 4 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_WORKER = "from airflow_provider_bedrock_rft.clients.scan_worker import main; main()"
_WORKER_GONE = (EOFError, BrokenPipeError, pickle.UnpicklingError)


def check_sources(sources: Sequence[Source], options: CheckOptions) -> DatasetReport:
    """Like :func:`check_dataset`, with the same findings."""
    n_workers = min(MAX_WORKERS, _n_processors())
    can_be_shared = n_workers > 1 and options.count_tokens is None
    if not can_be_shared or sum(map(_size_of, sources)) < MIN_BYTES:
        return check_dataset(sources, options)
    return check_dataset(sources, options, scan=partial(scan_in_workers, n_workers=n_workers))


def _n_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size_of(source: Source) -> int:
    try:
        return source.locate().stat().st_size if source.locate else source.size_bytes
    except (InvalidDataset, OSError):
        return 0  # reading it makes a finding of it


def scan_in_workers(
    sources: Sequence[Source],
    needs: Requirements,
    log: FindingLog,
    count_tokens: CountTokens | None,
    *,
    n_workers: int = 2,
    range_bytes: int = RANGE_BYTES,
) -> list[FileScan]:
    """Like :func:`scan_sources`; when a worker dies, all is done again in this process."""
    try:
        with _workers(n_workers, needs, log.max_kept_per_code) as workers:
            readings = [_Reading(source=source, scan=_scan_of(source, needs, log)) for source in sources]
            for reading in readings:
                reading.share_out(workers, range_bytes)
            scans = [reading.put_together() for reading in readings]
    except _WORKER_GONE:
        return list(scan_sources(sources, needs, log, count_tokens))
    for scan in scans:
        log.absorb(scan.log, lines_before=0)
    return scans


def _scan_of(source: Source, needs: Requirements, log: FindingLog) -> FileScan:
    return FileScan.of(source.name, source.split, needs, FindingLog(max_kept_per_code=log.max_kept_per_code))


@dataclass(slots=True)
class _Workers:
    """Processes that scan; a thread of ours waits for each."""

    threads: ThreadPoolExecutor
    idle: SimpleQueue[subprocess.Popen[bytes]]
    room: Semaphore

    def give(self, job: Job) -> Future[FileScan]:
        """Have a job done."""
        return self.threads.submit(self._do, job)

    def give_data(self, job: Job) -> Future[FileScan]:
        """Likewise, waiting first while there is no room for more data."""
        self.room.acquire()
        done = self.give(job)
        done.add_done_callback(lambda _: self.room.release())
        return done

    def _do(self, job: Job) -> FileScan:
        process = self.idle.get()
        try:
            send(process.stdin, job)
            return cast("FileScan", receive(process.stdout))
        finally:
            self.idle.put(process)


@contextmanager
def _workers(n_workers: int, needs: Requirements, max_kept_per_code: int) -> Iterator[_Workers]:
    """Workers that are gone when the block ends, however it ends."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(randbelow(2**32)),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        for _ in range(n_workers)
    ]
    threads = ThreadPoolExecutor(n_workers, "rft-scan")
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    try:
        for process in processes:
            send(process.stdin, (needs, max_kept_per_code))
            idle.put(process)
        yield _Workers(threads, idle, Semaphore(2 * n_workers))
    finally:
        for process in processes:
            process.kill()
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.communicate()


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One source on its way through the workers."""

    source: Source
    scan: FileScan
    parts: list[Future[FileScan] | FileScan] = field(default_factory=list)
    path: Path | None = None
    stamp: tuple[int, int] = (0, 0)

    def share_out(self, workers: _Workers, range_bytes: int) -> None:
        """Give the source to the workers, and read it once here for its SHA-256."""
        with refusing(self.scan), self.source.open() as stream:
            hashing = _Hashed(stream)
            if self.source.locate:
                check_head(hashing.read(HEAD_BYTES))
                self.path = self.source.locate()
                self.stamp = _stamp_of(self.path)
                self._give_ranges(workers, self.path, range_bytes)
                while hashing.read(_READ_BYTES):
                    pass
            else:
                self._give_blocks(workers, hashing)
            self.scan.sha256 = hashing.digest.hexdigest()

    def put_together(self) -> FileScan:
        """The scan of the whole source, once all of its parts are done."""
        refusals, self.scan.log = self.scan.log, FindingLog(max_kept_per_code=self.scan.log.max_kept_per_code)
        for part in self.parts:
            self.scan.absorb(part if isinstance(part, FileScan) else part.result())
        self.scan.log.absorb(refusals, lines_before=0)
        with refusing(self.scan):
            if self.path is not None and _stamp_of(self.path) != self.stamp:
                raise InvalidDataset(f"{self.source.name} changed while it was read.", code="changed-while-read")
        return self.scan

    def _give_ranges(self, workers: _Workers, path: Path, range_bytes: int) -> None:
        for start, stop in cuts_of(path, range_bytes):
            self.parts.append(workers.give(self._job(path=path, start=start, stop=stop)))

    def _give_blocks(self, workers: _Workers, stream: _Hashed) -> None:
        batch: list[bytes] = []
        try:
            for block in read_blocks(stream):
                if block.first_line == 1:
                    check_head(stream.head)
                if block.is_overlong or sum(map(len, batch)) > _BATCH_BYTES:
                    self._give_batch(workers, batch)
                if block.is_overlong:
                    self._take_overlong()
                else:
                    batch.append(block.data)
        finally:
            self._give_batch(workers, batch)

    def _give_batch(self, workers: _Workers, batch: list[bytes]) -> None:
        if batch:
            self.parts.append(workers.give_data(self._job(data=b"".join(batch))))
            batch.clear()

    def _take_overlong(self) -> None:
        part = _scan_of(self.source, self.scan.needs, self.scan.log)
        part.take_block(Block(data=b"", first_line=1, is_overlong=True))
        self.parts.append(part)

    def _job(self, *, path: Path | None = None, start: int = 0, stop: int = 0, data: bytes = b"") -> Job:
        return Job(
            name=self.source.name,
            split=self.source.split,
            opens_source=not self.parts,
            path=path,
            start=start,
            stop=stop,
            data=data,
        )


class _Hashed:
    """Hashes what is read on."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.head = b""

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.head = self.head or data[:HEAD_BYTES]
        self.digest.update(data)
        return data


def _stamp_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_size, found.st_mtime_ns
