from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.store import Drop, DropBlob, Put, PutBlob, Store, UnknownCursor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state.db", max_cached=3)
    yield store
    store.close()


def put(number: int, *, label: str = "", once: bool = False, body: bytes | None = None) -> Put:
    return Put(kind="k", owner="o", id=str(number), body=body or str(number).encode(), label=label, once=once)


async def test_what_is_put_is_there_and_outlives_the_process(store: Store, tmp_path: Path) -> None:
    await store.commit(put(1), PutBlob(name="b", data=b"\0\1"))
    assert store.get("k", "o", "1") == b"1"
    again = Store(tmp_path / "state.db")
    assert again.get("k", "o", "1") == b"1"
    assert again.blob("b") == b"\0\1"
    again.close()


async def test_owners_and_kinds_are_apart(store: Store) -> None:
    await store.commit(put(1))
    assert store.get("k", "other", "1") is None
    assert store.get("other", "o", "1") is None


async def test_pages_follow_the_order_of_first_writing(store: Store) -> None:
    await store.commit(*(put(number) for number in range(5)))
    await store.commit(put(0, body=b"changed"))
    newest = store.page("k", "o", after=None, limit=2)
    assert (newest.bodies, newest.has_more) == ((b"4", b"3"), True)
    rest = store.page("k", "o", after="3", limit=3)
    assert (rest.bodies, rest.has_more) == ((b"2", b"1", b"changed"), False)
    assert store.page("k", "o", after="3", limit=9, newest_first=False).bodies == (b"4",)


async def test_a_cursor_that_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(UnknownCursor):
        store.page("k", "o", after="9", limit=1)


async def test_labels_narrow_pages_and_are_found_across_owners(store: Store) -> None:
    await store.commit(put(1, label="a"), put(2, label="b"), put(3, label="a"))
    assert store.page("k", "o", after=None, limit=9, label="a").bodies == (b"3", b"1")
    assert list(store.labelled("k", "a")) == [b"1", b"3"]


async def test_once_means_that_the_first_one_stays(store: Store) -> None:
    await store.commit(put(1, once=True))
    await store.commit(put(1, once=True, body=b"other"))
    assert store.get("k", "o", "1") == b"1"


async def test_what_is_dropped_is_gone_from_the_cache_too(store: Store) -> None:
    await store.commit(put(1), PutBlob(name="b", data=b"x"))
    assert store.get("k", "o", "1")
    await store.commit(Drop(kind="k", owner="o", id="1"), DropBlob(name="b"))
    assert store.get("k", "o", "1") is None
    assert store.blob("b") is None


async def test_a_small_cache_still_answers_for_everything(store: Store) -> None:
    await store.commit(*(put(number) for number in range(20)))
    assert [store.get("k", "o", str(number)) for number in range(20)] == [str(number).encode() for number in range(20)]


async def test_many_writers_at_once_all_get_through(store: Store) -> None:
    await asyncio.gather(*(store.commit(put(number)) for number in range(300)))
    assert len(store.page("k", "o", after=None, limit=1000).bodies) == 300


async def test_changes_of_one_commit_stand_or_fall_together(store: Store) -> None:
    bad = Put(kind="k", owner="o", id=None, body=b"")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        await store.commit(put(1), bad)
    assert store.get("k", "o", "1") is None
    await store.commit(put(2))
    assert store.get("k", "o", "2") == b"2"


async def test_a_writer_that_is_cancelled_leaves_its_change(store: Store) -> None:
    task = asyncio.ensure_future(store.commit(put(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await store.commit(put(2))
    assert store.get("k", "o", "1") == b"1"
