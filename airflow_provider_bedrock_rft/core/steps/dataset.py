"""Steps about datasets: prepare (check, then write canonically) and upload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.fingerprint import content_name
from airflow_provider_bedrock_rft.core.dataset.jsonl import Written, read_records, sound_records, write_records
from airflow_provider_bedrock_rft.core.dataset.manifest import DatasetManifest, manifest_of
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.record import canonical_line
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN
from airflow_provider_bedrock_rft.core.errors import InvalidDataset, TransientServiceError
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.dataset.source import Source
    from airflow_provider_bedrock_rft.core.ports import ObjectStore, OnProgress, StoredFile, TrainingService


@payload("rft.prepared_dataset")
@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDataset:
    """A checked dataset, written as canonical JSONL to a local file.

    Attributes:
        path: The file.
        manifest: What it is and where it came from.
        is_unchanged: Its fingerprint is the one of the dataset trained on before.
    """

    path: str
    manifest: DatasetManifest
    is_unchanged: bool = False


def prepare_dataset(
    sources: Sequence[Source],
    out: Path,
    *,
    options: CheckOptions | None = None,
    tool_version: str = "",
    last_fingerprint: str = "",
    check: Callable[[Sequence[Source], CheckOptions], DatasetReport] = check_dataset,
) -> tuple[PreparedDataset, DatasetReport]:
    """Check ``sources`` and write the training records among them to ``out``, all of them or none.

    Raises:
        InvalidDataset: The check found errors; ``out`` is not touched.
    """
    chosen = options or CheckOptions()
    report = check(sources, chosen)
    report.raise_for_errors()
    needs = Requirements.of(chosen.targets)
    written = write_whole(_training_records(sources, needs), out)
    manifest = manifest_of(report, written, sources, targets=needs.targets, tool_version=tool_version)
    is_unchanged = written.sha256 == last_fingerprint
    return PreparedDataset(path=str(out), manifest=manifest, is_unchanged=is_unchanged), report


def write_whole(records: Iterable[Record], out: Path) -> Written:
    """Write canonical JSONL to ``out``, which stays as it was unless all of it could be written."""
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as stream:
            written = write_records(records, stream)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return written


def records_in(sources: Iterable[Source]) -> Iterator[Record]:
    """Every record of ``sources``, one after the other.

    Raises:
        InvalidDataset: A line is no record, or a source cannot be read; names the place.
    """
    for source in sources:
        with source.open() as stream:
            yield from read_records(stream, file=source.name)


def manifest_for(
    report: DatasetReport, sources: Sequence[Source], targets: Sequence[Target], *, tool_version: str
) -> DatasetManifest:
    """The manifest of a checked dataset that is not written anywhere."""
    digest, n_records, size = hashlib.sha256(), 0, 0
    for record in _training_records(sources, Requirements.of(targets)):
        line = canonical_line(record)
        digest.update(line)
        n_records += 1
        size += len(line)
    written = Written(n_records=n_records, size_bytes=size, sha256=digest.hexdigest())
    return manifest_of(report, written, sources, targets=targets, tool_version=tool_version)


def _training_records(sources: Sequence[Source], needs: Requirements) -> Iterator[Record]:
    for source in sources:
        if source.split == TRAIN:
            with source.open() as stream:
                yield from (record for _, record in sound_records(stream, needs))


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
        trained_by: The newest job that succeeded on this very content; empty when there is none.
        manifest: Where it came from and what was checked.
        manifest_uri: Where the manifest is kept; empty when there was no place for it.
    """

    file_id: str
    fingerprint: str
    name: str
    n_records: int
    size_bytes: int
    reused: bool
    trained_by: str = ""
    manifest: DatasetManifest | None = None
    manifest_uri: str = ""


def upload_dataset(
    training: TrainingService,
    path: Path,
    *,
    fingerprint: str = "",
    n_records: int = -1,
    on_progress: OnProgress | None = None,
) -> UploadedDataset:
    """Upload a checked JSONL file, unless the same content is stored already.

    A retry after a lost reply finds the finished upload by its name. What was stored in part is removed: nothing of
    another size is ever used under that name.

    Args:
        training: The control plane.
        path: Canonical JSONL.
        fingerprint: SHA-256 of the canonical bytes; computed from ``path`` when empty.
        n_records: Lines of the file; counted when negative.
        on_progress: Told of the bytes as they go.

    Raises:
        InvalidDataset: The file is missing or empty.
        TransientServiceError: What the service stored is not what was sent.
    """
    size, lines, digest = _measure(path)
    name = content_name(fingerprint or digest)
    stored, reused = _find_whole(training, name, size), True
    if stored is None:
        stored, reused = training.upload_file(path, name=name, on_progress=on_progress), False
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


def upload_dataset_to_s3(
    objects: ObjectStore,
    path: Path,
    *,
    prefix: str,
    fingerprint: str = "",
    n_records: int = -1,
    on_progress: OnProgress | None = None,
) -> UploadedDataset:
    """Like :func:`upload_dataset`, for planes that train from S3: the object below ``prefix`` is named by content.

    S3 shows an object when all of it is there, so one that is found is whole.

    Raises:
        InvalidDataset: The file is missing or empty.
    """
    size, lines, digest = _measure(path)
    name = content_name(fingerprint or digest)
    uri = f"{prefix.rstrip('/')}/{name}"
    is_stored = objects.etag(uri) is not None
    if not is_stored:
        objects.put(uri, path, on_progress=on_progress)
    return UploadedDataset(
        file_id=uri,
        fingerprint=fingerprint or digest,
        name=name,
        n_records=lines if n_records < 0 else n_records,
        size_bytes=size,
        reused=is_stored,
    )


def job_trained_on(training: TrainingService, file_id: str) -> str:
    """The newest job that succeeded on a stored file; empty when there is none."""
    for listed in training.list_jobs(created_after=0.0):
        if listed.training_data not in {"", file_id}:
            continue
        job = training.get_job(listed.job_id)  # a listing's status may be old, and it may not name the data
        if job.training_data == file_id and outcome_of(job.status) is Outcome.SUCCEEDED:
            return job.job_id
    return ""


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
