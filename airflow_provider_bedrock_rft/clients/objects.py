"""S3 behind the object store port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import ResourceNotFound
from airflow_provider_bedrock_rft.core.identifiers import S3Uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.ports import OnProgress

_CHUNK_BYTES = 1 << 20


class S3Objects:
    """Objects by their full ``s3://bucket/key``."""

    def __init__(self, s3: Any) -> None:  # noqa: ANN401 - boto3's client
        self._s3 = s3

    def put(self, uri: str, path: Path, *, on_progress: OnProgress | None = None) -> str:
        """Store a file (multipart when large); returns the ETag. Nothing is visible before all of it is."""
        place = _place(uri)
        with translated(f"Store {uri}"):
            self._s3.upload_file(str(path), place["Bucket"], place["Key"], Callback=on_progress)
            return str(self._s3.head_object(**place)["ETag"]).strip('"')

    def put_bytes(self, uri: str, data: bytes) -> str:
        """Store ``data`` as one object; returns the ETag."""
        with translated(f"Store {uri}"):
            return str(self._s3.put_object(**_place(uri), Body=data)["ETag"]).strip('"')

    def get(self, uri: str) -> bytes:
        """The whole object."""
        with translated(f"Read {uri}"):
            return bytes(self._s3.get_object(**_place(uri))["Body"].read())

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:
        """Copy that version of the object into a file, in flat memory; ``ResourceConflict`` when it is another now."""
        with translated(f"Read {uri}"), path.open("wb") as stream:
            body = self._s3.get_object(**_foreign_place(uri), IfMatch=etag)["Body"]
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                stream.write(chunk)

    def etag(self, uri: str) -> str | None:
        """The object's ETag, ``None`` when there is no such object."""
        try:
            with translated(f"Look for {uri}"):
                return str(self._s3.head_object(**_foreign_place(uri))["ETag"]).strip('"')
        except ResourceNotFound:
            return None

    def list(self, prefix: str) -> Iterator[str]:
        """URIs of the objects whose URI starts with ``prefix``."""
        place = _foreign_place(prefix)
        bucket, key = place["Bucket"], place["Key"]
        with translated(f"List {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                for found in page.get("Contents", ()):
                    yield f"s3://{bucket}/{found['Key']}"

    def delete(self, uri: str) -> None:
        """Remove an object; S3 does not mind one that is gone already."""
        with translated(f"Delete {uri}"):
            self._s3.delete_object(**_place(uri))


def _place(uri: str) -> dict[str, str]:
    parsed = S3Uri.parse(uri)
    return {"Bucket": parsed.bucket, "Key": parsed.key}


def _foreign_place(uri: str) -> dict[str, str]:
    """Like :func:`_place` for what other tools have stored, whose keys may hold what ours never do."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": S3Uri.parse(f"s3://{bucket}").bucket, "Key": key}
