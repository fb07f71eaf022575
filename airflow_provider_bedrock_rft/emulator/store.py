"""Durable state: documents and blobs in one SQLite file, written by one thread, each acknowledged write on disk.

Writers hand over groups of changes and wait; the writer thread puts everything that is waiting into one transaction,
so that a burst of writes shares one flush. Readers use a connection of their own (WAL) and a small cache of bodies.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, owner TEXT NOT NULL, id TEXT NOT NULL, label TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, owner, id)
);
CREATE INDEX IF NOT EXISTS documents_in_order ON documents (kind, owner, seq);
CREATE INDEX IF NOT EXISTS documents_by_label ON documents (kind, label);
CREATE TABLE IF NOT EXISTS blobs (name TEXT PRIMARY KEY, data BLOB NOT NULL);
"""
_UPSERT = (
    "INSERT INTO documents (kind, owner, id, label, body) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, owner, id) DO UPDATE SET label = excluded.label, body = excluded.body"
)
_INSERT = "INSERT OR IGNORE INTO documents (kind, owner, id, label, body) VALUES (?, ?, ?, ?, ?)"
_NEWEST = (
    "SELECT body FROM documents WHERE kind = ? AND owner = ? AND (? = '' OR label = ?) AND seq < ? "
    "ORDER BY seq DESC LIMIT ?"
)
_OLDEST = (
    "SELECT body FROM documents WHERE kind = ? AND owner = ? AND (? = '' OR label = ?) AND seq > ? "
    "ORDER BY seq ASC LIMIT ?"
)
_LAST_SEQ = 2**62


class UnknownCursor(LookupError):
    """A page was asked for after a document that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write a document. With ``once`` an existing one of the same id stays as it is."""

    kind: str
    owner: str
    id: str
    body: bytes
    label: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Remove a document."""

    kind: str
    owner: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBlob:
    """Write bytes under a name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBlob:
    """Remove bytes by name."""

    name: str


Change = Put | Drop | PutBlob | DropBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some documents in order, and whether more follow."""

    bodies: tuple[bytes, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    changes: tuple[Change, ...]
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class Store:
    """Documents by (kind, owner, id), in order of first writing, and blobs by name."""

    def __init__(self, path: Path, *, max_cached: int = 4096) -> None:
        self._path = path
        self._max_cached = max_cached
        self._cache: dict[tuple[str, str, str], bytes] = {}
        _connect(path).executescript(_SCHEMA).connection.close()
        self._reader = _connect(path)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._writer = Thread(target=self._write_forever, name="store-writer", daemon=True)
        self._writer.start()

    async def commit(self, *changes: Change) -> None:
        """Apply all ``changes`` or none; on disk when this returns."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(changes, done, loop))
        await done

    def get(self, kind: str, owner: str, document_id: str) -> bytes | None:
        """The body of one document."""
        key = (kind, owner, document_id)
        if (body := self._cache.get(key)) is not None:
            return body
        row = self._reader.execute("SELECT body FROM documents WHERE kind = ? AND owner = ? AND id = ?", key).fetchone()
        if row is None:
            return None
        self._remember(key, row[0])
        return bytes(row[0])

    def page(
        self, kind: str, owner: str, *, after: str | None, limit: int, label: str = "", newest_first: bool = True
    ) -> Page:
        """At most ``limit`` documents that follow ``after`` in the given order.

        Raises:
            UnknownCursor: ``after`` is not there.
        """
        start = _LAST_SEQ if newest_first else 0
        if after:
            start = self._sequence(kind, owner, after)
        statement = _NEWEST if newest_first else _OLDEST
        rows = self._reader.execute(statement, (kind, owner, label, label, start, limit + 1)).fetchall()
        return Page(bodies=tuple(row[0] for row in rows[:limit]), has_more=len(rows) > limit)

    def labelled(self, kind: str, label: str) -> Iterator[bytes]:
        """Bodies of all owners' documents with this label, oldest first."""
        rows = self._reader.execute(
            "SELECT body FROM documents WHERE kind = ? AND label = ? ORDER BY seq", (kind, label)
        ).fetchall()
        return (row[0] for row in rows)

    def blob(self, name: str) -> bytes | None:
        """The bytes under a name."""
        row = self._reader.execute("SELECT data FROM blobs WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Finish what is waiting and let go of the file."""
        self._queue.put(None)
        self._writer.join()
        self._reader.close()

    def _sequence(self, kind: str, owner: str, document_id: str) -> int:
        row = self._reader.execute(
            "SELECT seq FROM documents WHERE kind = ? AND owner = ? AND id = ?", (kind, owner, document_id)
        ).fetchone()
        if row is None:
            raise UnknownCursor(document_id)
        return int(row[0])

    def _remember(self, key: tuple[str, str, str], body: bytes) -> None:
        self._cache[key] = body
        if len(self._cache) > self._max_cached:
            del self._cache[next(iter(self._cache))]

    def _write_forever(self) -> None:
        connection = _connect(self._path)
        while (first := self._queue.get()) is not None:
            waiting, stop = self._gather(first)
            error = _apply(connection, waiting)
            for item in waiting:
                item.loop.call_soon_threadsafe(self._acknowledge, item, error)
            if stop:
                break
        connection.close()

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        waiting = [first]
        try:
            while (item := self._queue.get_nowait()) is not None:
                waiting.append(item)
        except Empty:
            return waiting, False
        return waiting, True

    def _acknowledge(self, item: _Waiting, error: sqlite3.Error | None) -> None:
        if error is None:
            self._refresh(item.changes)
        if item.done.done():  # whoever waited was cancelled; the change stands all the same
            return
        if error is None:
            item.done.set_result(None)
        else:
            item.done.set_exception(error)

    def _refresh(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case Put(once=False):
                    self._remember((change.kind, change.owner, change.id), change.body)
                case Drop():
                    self._cache.pop((change.kind, change.owner, change.id), None)
                case _:
                    pass


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _apply(connection: sqlite3.Connection, waiting: Iterable[_Waiting]) -> sqlite3.Error | None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for item in waiting:
            for change in item.changes:
                _execute(connection, change)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return error
    return None


def _execute(connection: sqlite3.Connection, change: Change) -> None:
    match change:
        case Put():
            row = (change.kind, change.owner, change.id, change.label, change.body)
            connection.execute(_INSERT if change.once else _UPSERT, row)
        case Drop():
            connection.execute(
                "DELETE FROM documents WHERE kind = ? AND owner = ? AND id = ?", (change.kind, change.owner, change.id)
            )
        case PutBlob():
            connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (change.name, change.data))
        case DropBlob():
            connection.execute("DELETE FROM blobs WHERE name = ?", (change.name,))
