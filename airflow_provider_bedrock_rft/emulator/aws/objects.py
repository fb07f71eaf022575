"""Objects of the mounted S3, for the emulator's own engines."""

from __future__ import annotations

from urllib.parse import quote

from moto.backends import get_backend

from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest


def read_object(account: str, bucket: str, key: str) -> bytes | None:
    """The newest version of an object, or None where there is no such object in any account that may share it."""
    backends = get_backend("s3")
    owners = [account, *(other for other in list(backends) if other != account)]
    for owner in owners:
        held = backends[owner]["aws"].buckets.get(bucket)
        if held is not None:
            found = held.keys.get(key)
            return None if found is None or type(found).__name__ == "FakeDeleteMarker" else bytes(found.value)
    return None


def put_request(bucket: str, key: str, body: bytes, content_type: str) -> AwsRequest:
    """A ``PutObject`` as a client would send it."""
    return AwsRequest(
        method="PUT",
        raw_path=f"/{bucket}/{quote(key)}",
        query="",
        headers=(("host", "127.0.0.1"), ("content-type", content_type), ("content-length", str(len(body)))),
        body=body,
    )
