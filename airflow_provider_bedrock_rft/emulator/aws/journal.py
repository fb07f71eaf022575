"""What was acknowledged, on disk before the acknowledgement leaves, and in order, so that it can be done again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.aws.footprint import Footprint

MAX_INLINE_BYTES = 64 * 1024
MAX_CAPPED_ROWS = 2000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS writes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, account TEXT NOT NULL, service TEXT NOT NULL, operation TEXT NOT NULL,
    key TEXT NOT NULL, source TEXT NOT NULL, upload TEXT NOT NULL,
    method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, headers TEXT NOT NULL, body BLOB, body_file TEXT
);
CREATE INDEX IF NOT EXISTS writes_by_key ON writes (key);
CREATE INDEX IF NOT EXISTS writes_by_source ON writes (source) WHERE source != '';
CREATE INDEX IF NOT EXISTS writes_by_upload ON writes (upload) WHERE upload != '';
CREATE INDEX IF NOT EXISTS writes_by_file ON writes (body_file) WHERE body_file IS NOT NULL;
CREATE TABLE IF NOT EXISTS settled (id TEXT PRIMARY KEY);
"""
_COLUMNS = "at, account, service, operation, key, source, upload, method, path, query, headers, body, body_file"
_ERASE = """
DELETE FROM writes WHERE (key = ? OR (key >= ? AND key < ?))
AND (upload = '' OR upload IN (SELECT upload FROM writes WHERE operation = 'CompleteMultipartUpload'))
RETURNING body_file
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A request that has changed something. ``at`` is in seconds since the epoch."""

    seq: int
    at: float
    account: str
    service: str
    operation: str
    request: AwsRequest


class Journal:
    """Writes in order, in SQLite (flushed at every commit) with large bodies as files named by their content.

    Belongs to one thread.
    """

    def __init__(self, root: Path) -> None:
        self._bodies = root / "bodies"
        self._bodies.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(root / "journal.sqlite", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        self._remove_orphans()

    @property
    def next_seq(self) -> int:
        """The number that the next write will have; numbers are never used twice."""
        row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'writes'").fetchone()
        return 1 if row is None else int(row[0]) + 1

    def append(self, write: Write, footprint: Footprint) -> None:
        """Make a write durable and forget earlier ones that it has made meaningless."""
        body_file = self._store(write.request.body)
        self._database.execute("BEGIN IMMEDIATE")
        try:
            erased = self._erase(footprint)
            self._insert(write, footprint, body_file)
            if not footprint.is_kept and erased.is_complete:
                self._database.execute("DELETE FROM writes WHERE seq = ?", (write.seq,))  # the number stays used
            self._database.execute("COMMIT")
        except BaseException:  # -- whatever happened, the transaction must not stay open
            self._database.execute("ROLLBACK")
            raise
        self._remove_unused(erased.files)

    def writes(self) -> Iterator[Write]:
        """All writes that still mean something, oldest first."""
        rows = self._database.execute(f"SELECT seq, {_COLUMNS} FROM writes ORDER BY seq").fetchall()  # noqa: S608
        for seq, at, account, service, operation, _, _, _, method, path, query, headers, body, body_file in rows:
            content = body if body_file is None else (self._bodies / body_file).read_bytes()
            request = AwsRequest(
                method=method,
                raw_path=path,
                query=query,
                headers=tuple((name, value) for name, value in json.loads(headers)),
                body=content,
            )
            yield Write(seq=seq, at=at, account=account, service=service, operation=operation, request=request)

    def settled(self) -> frozenset[str]:
        """Ids of queue messages that were deleted although another write than their own brought them."""
        return frozenset(row[0] for row in self._database.execute("SELECT id FROM settled"))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _insert(self, write: Write, footprint: Footprint, body_file: str | None) -> None:
        request = write.request
        self._database.execute(
            f"INSERT INTO writes (seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                write.seq, write.at, write.account, write.service, write.operation,
                footprint.key, footprint.source, footprint.upload,
                request.method, request.raw_path, request.query, json.dumps(request.headers),
                request.body if body_file is None else None, body_file,
            ),
        )  # fmt: skip
        if footprint.is_capped:
            self._database.execute(
                "DELETE FROM writes WHERE key = ? AND seq <= ?", (footprint.key, self._oldest_kept(footprint.key))
            )

    def _oldest_kept(self, key: str) -> int:
        row = self._database.execute(
            "SELECT seq FROM writes WHERE key = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", (key, MAX_CAPPED_ROWS)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _erase(self, footprint: Footprint) -> _Erased:
        """Delete the writes that are replaced, but not what a later write copies from."""
        files: list[str] = []
        is_complete = True
        if footprint.aborts:
            rows = self._database.execute(
                "DELETE FROM writes WHERE upload = ? RETURNING body_file", (footprint.aborts,)
            )
            files += [row[0] for row in rows if row[0]]
        for key in footprint.replaces:
            if self._is_copied(key):
                is_complete = False
                continue
            files += [row[0] for row in self._database.execute(_ERASE, _range(key)) if row[0]]
        settled = [(message_id,) for message_id in footprint.settles]
        self._database.executemany("INSERT OR IGNORE INTO settled VALUES (?)", settled)
        return _Erased(is_complete=is_complete, files=tuple(files))

    def _is_copied(self, key: str) -> bool:
        query = "SELECT 1 FROM writes WHERE source = ? OR (source >= ? AND source < ?) LIMIT 1"
        return self._database.execute(query, _range(key)).fetchone() is not None

    def _store(self, body: bytes) -> str | None:
        if len(body) <= MAX_INLINE_BYTES:
            return None
        name = hashlib.sha256(body).hexdigest()
        target = self._bodies / name
        if not target.exists():
            partial = target.with_suffix(".partial")
            with partial.open("wb") as sink:
                sink.write(body)
                sink.flush()
                os.fsync(sink.fileno())
            partial.rename(target)
            _flush_folder(self._bodies)
        return name

    def _remove_unused(self, names: Iterable[str]) -> None:
        for name in names:
            if not self._database.execute("SELECT 1 FROM writes WHERE body_file = ? LIMIT 1", (name,)).fetchone():
                (self._bodies / name).unlink(missing_ok=True)

    def _remove_orphans(self) -> None:
        self._remove_unused([path.name for path in self._bodies.iterdir()])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erased:
    is_complete: bool
    files: tuple[str, ...]


def _range(key: str) -> tuple[str, str, str]:
    """The key itself, and everything below it."""
    return key, key + "/", key + "0"


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
