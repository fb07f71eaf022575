"""S3 objects as local files: fetched once per version, and refused when they change on the way."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidDataset, InvalidInput, ResourceConflict, ResourceNotFound

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_provider_bedrock_rft.core.ports import ObjectStore


class S3Spool:
    """Fetches objects into a folder that goes when this does; use it as a context manager."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
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
        found = sorted(name for name in self._objects.list(uri) if not name.endswith("/"))
        if not found:
            raise InvalidInput(f"There are no objects below {uri}.", action="Check bucket and prefix.")
        return found

    def version(self, uri: str) -> str:
        """The object's ETag now; empty when there is no such object (opening it says so)."""
        return self._objects.etag(uri) or ""

    def fetch(self, uri: str, version: str) -> Path:
        """A local copy of that version of the object.

        Raises:
            InvalidDataset: There is no such object, or it has changed since.
        """
        if not version:
            raise InvalidDataset(f"There is no object {uri}.", code="unreadable-file", action="Check what writes it.")
        copy = Path(self._folder.name) / hashlib.sha256(f"{uri}\0{version}".encode()).hexdigest()
        if not copy.exists():
            part = copy.with_suffix(".part")
            self._download(uri, version, part)
            part.rename(copy)
        return copy

    def _download(self, uri: str, version: str, path: Path) -> None:
        try:
            self._objects.fetch(uri, path, etag=version)
        except (ResourceConflict, ResourceNotFound):
            raise _changed(uri) from None
        if self.version(uri) != version:
            raise _changed(uri)


def _changed(uri: str) -> InvalidDataset:
    return InvalidDataset(f"{uri} changed while it was read.", code="changed-while-read")
