from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, ResourceNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.clients.session import Session


def test_what_is_stored_is_read_back(session: Session, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"from a file")
    store = session.objects
    etag = store.put(f"s3://{bucket}/a/file.txt", path)
    assert etag == store.etag(f"s3://{bucket}/a/file.txt")
    assert '"' not in etag
    assert store.get(f"s3://{bucket}/a/file.txt") == b"from a file"
    store.put_bytes(f"s3://{bucket}/a/file.txt", b"\x00bytes")
    assert store.get(f"s3://{bucket}/a/file.txt") == b"\x00bytes"


def test_a_listing_has_every_object_below_the_prefix(session: Session, bucket: str) -> None:
    store = session.objects
    for name in ("list/b.jsonl", "list/a.jsonl", "list-not/c.jsonl"):
        store.put_bytes(f"s3://{bucket}/{name}", b"x")
    assert sorted(store.list(f"s3://{bucket}/list/")) == [f"s3://{bucket}/list/a.jsonl", f"s3://{bucket}/list/b.jsonl"]
    assert list(store.list(f"s3://{bucket}/absent/")) == []


def test_what_is_not_there(session: Session, bucket: str) -> None:
    store = session.objects
    assert store.etag(f"s3://{bucket}/absent") is None
    with pytest.raises(ResourceNotFound, match="absent"):
        store.get(f"s3://{bucket}/absent")
    store.delete(f"s3://{bucket}/absent")


def test_what_is_deleted_is_gone(session: Session, bucket: str) -> None:
    store = session.objects
    store.put_bytes(f"s3://{bucket}/gone", b"x")
    store.delete(f"s3://{bucket}/gone")
    assert store.etag(f"s3://{bucket}/gone") is None


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_an_error(session: Session) -> None:
    with pytest.raises(ResourceNotFound):
        session.objects.get("s3://no-such-bucket-here/x")
    with pytest.raises(ResourceNotFound):
        list(session.objects.list("s3://no-such-bucket-here/x/"))


def test_what_is_no_uri_is_refused(session: Session) -> None:
    with pytest.raises(InvalidIdentifier):
        session.objects.get("file.txt")
