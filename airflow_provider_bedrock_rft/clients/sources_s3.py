"""S3 objects as local files: fetched once per version, and refused when they change on the way."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import InvalidDataset, InvalidInput, ResourceConflict, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

_CHUNK_BYTES = 1 << 20


class S3Spool:
    """Fetches objects into a folder that goes when this does; use it as a context manager."""

    def __init__(self, s3: Any) -> None:  # noqa: ANN401 - boto3's client
        self._s3 = s3
        self._folder = tempfile.TemporaryDirectory(prefix="rft-dataset-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def expand(self, uri: str) -> list[str]:
        """The objects that ``uri`` names: itself, or for ``…/`` all below, in order of their keys.

        Raises:
            InvalidInput: There is nothing below the prefix.
        """
        if not uri.endswith("/"):
            return [uri]
        found = sorted(self._below(uri))
        if not found:
            raise InvalidInput(f"There are no objects below {uri}.", action="Check bucket and prefix.")
        return found

    def _below(self, uri: str) -> Iterator[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        with translated(f"List {uri}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    if item["Size"] and not item["Key"].endswith("/"):
                        yield f"s3://{bucket}/{item['Key']}"

    def version(self, uri: str) -> str:
        """The object's ETag now; empty when there is no such object (opening it says so)."""
        try:
            with translated(f"Look for {uri}"):
                return str(self._s3.head_object(**_place(uri))["ETag"]).strip('"')
        except ResourceNotFound:
            return ""

    def fetch(self, uri: str, version: str) -> Path:
        """A local copy of that version of the object.

        Raises:
            InvalidDataset: There is no such object, or it has changed since.
        """
        if not version:
            raise InvalidDataset(f"There is no object {uri}.", code="unreadable-file")
        copy = Path(self._folder.name) / hashlib.sha256(f"{uri}\0{version}".encode()).hexdigest()
        if not copy.exists():
            part = copy.with_suffix(".part")
            self._download(uri, version, part)
            part.rename(copy)
        return copy

    def _download(self, uri: str, version: str, path: Path) -> None:
        try:
            with translated(f"Read {uri}"), path.open("wb") as stream:
                body = self._s3.get_object(**_place(uri), IfMatch=version)["Body"]
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    stream.write(chunk)
        except (ResourceConflict, ResourceNotFound):
            raise _changed(uri) from None
        if self.version(uri) != version:
            raise _changed(uri)


def _changed(uri: str) -> InvalidDataset:
    return InvalidDataset(f"{uri} changed while it was read.", code="changed-while-read")


def _place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")  # keys of other tools may hold what our own never do
    return {"Bucket": bucket, "Key": key}
