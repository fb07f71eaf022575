"""Objects of the mounted S3, for the emulator's own engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from moto.backends import get_backend

from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest


def read_object(account: str, bucket: str, key: str) -> bytes | None:
    """The newest version of an object, or None where there is no such object in any account that may share it."""
    held = _bucket(account, bucket)
    found = None if held is None else held.keys.get(key)
    return None if found is None or type(found).__name__ == "FakeDeleteMarker" else bytes(found.value)


def list_keys(account: str, bucket: str, prefix: str) -> list[str]:
    """The keys below a prefix that are not deleted, in order; none where there is no such bucket."""
    held = _bucket(account, bucket)
    if held is None:
        return []
    found = ((key, held.keys.get(key)) for key in list(held.keys.keys()) if key.startswith(prefix))
    return sorted(key for key, item in found if item is not None and type(item).__name__ != "FakeDeleteMarker")


def has_bucket(account: str, bucket: str) -> bool:
    """True when there is such a bucket."""
    return _bucket(account, bucket) is not None


def put_request(bucket: str, key: str, body: bytes, content_type: str) -> AwsRequest:
    """A ``PutObject`` as a client would send it."""
    return AwsRequest(
        method="PUT",
        raw_path=f"/{bucket}/{quote(key)}",
        query="",
        headers=(("host", "127.0.0.1"), ("content-type", content_type), ("content-length", str(len(body)))),
        body=body,
    )


def _bucket(account: str, name: str) -> Any | None:  # noqa: ANN401 -- moto's own
    backends = get_backend("s3")
    owners = [account, *(other for other in list(backends) if other != account)]
    found = (backends[owner]["aws"].buckets.get(name) for owner in owners)
    return next((bucket for bucket in found if bucket is not None), None)
