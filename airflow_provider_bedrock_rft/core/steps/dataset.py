"""Steps about datasets: check and upload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.dataset.fingerprint import content_name
from airflow_provider_bedrock_rft.core.errors import InvalidDataset, TransientServiceError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.ports import StoredFile, TrainingService


@payload("rft.dataset")
@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedDataset:
    """A dataset where the control plane can train on it.

    Attributes:
        file_id: File id (Mantle) or S3 URI (native).
        fingerprint: SHA-256 of the dataset's canonical bytes.
        name: The stored file's name; carries the fingerprint.
        n_records: Lines of the file.
        size_bytes: Its size.
        reused: True when the same content was there already.
    """

    file_id: str
    fingerprint: str
    name: str
    n_records: int
    size_bytes: int
    reused: bool


def upload_dataset(
    training: TrainingService, path: Path, *, fingerprint: str = "", n_records: int = -1
) -> UploadedDataset:
    """Upload a checked JSONL file, unless the same content is stored already.

    A retry after a lost reply finds the finished upload by its name. What was stored in part is removed: nothing of
    another size is ever used under that name.

    Args:
        training: The control plane.
        path: Canonical JSONL.
        fingerprint: SHA-256 of the canonical bytes; computed from ``path`` when empty.
        n_records: Lines of the file; counted when negative.

    Raises:
        InvalidDataset: The file is missing or empty.
        TransientServiceError: What the service stored is not what was sent.
    """
    size, lines, digest = _measure(path)
    name = content_name(fingerprint or digest)
    stored, reused = _find_whole(training, name, size), True
    if stored is None:
        stored, reused = training.upload_file(path, name=name), False
        if stored.size_bytes != size:
            training.delete_file(stored.file_id)
            raise TransientServiceError(f"{path} has {size:,} bytes, but {stored.size_bytes:,} of {name} were stored.")
    return UploadedDataset(
        file_id=stored.file_id,
        fingerprint=fingerprint or digest,
        name=name,
        n_records=lines if n_records < 0 else n_records,
        size_bytes=size,
        reused=reused,
    )


def _find_whole(training: TrainingService, name: str, size: int) -> StoredFile | None:
    """The stored file of that name, unless its size shows that it is not the whole content."""
    stored = training.find_file(name=name)
    return stored if stored is not None and stored.size_bytes == size else None


def _measure(path: Path) -> tuple[int, int, str]:
    """Size, number of lines and SHA-256."""
    digest, size, lines = hashlib.sha256(), 0, 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n")
    except OSError as error:
        raise InvalidDataset(f"{path} cannot be read: {error.strerror}.", action="Check the path.") from None
    if not size:
        raise InvalidDataset(f"{path} is empty.", action="Check what wrote it.")
    return size, lines, digest.hexdigest()
