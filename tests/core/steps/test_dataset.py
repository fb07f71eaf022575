from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import ConnectionLost, InvalidDataset, TransientServiceError
from airflow_provider_bedrock_rft.core.ports import StoredFile
from airflow_provider_bedrock_rft.core.steps.dataset import UploadedDataset, job_trained_on, upload_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.ports import OnProgress


@dataclass
class FileStore:
    """The file half of a TrainingService; can lose the reply or the tail of an upload."""

    files: list[StoredFile] = field(default_factory=list)
    n_uploads: int = 0
    loses_reply: bool = False
    loses_bytes: int = 0

    def upload_file(self, path: Path, *, name: str, on_progress: OnProgress | None = None) -> StoredFile:  # noqa: ARG002
        self.n_uploads += 1
        size = path.stat().st_size - self.loses_bytes
        stored = StoredFile(file_id=f"file-{self.n_uploads}", name=name, size_bytes=size, created_at=self.n_uploads)
        self.files.append(stored)
        if self.loses_reply:
            raise ConnectionLost("No answer came.")
        return stored

    def find_file(self, *, name: str) -> StoredFile | None:
        return next((stored for stored in reversed(self.files) if stored.name == name), None)

    def delete_file(self, file_id: str) -> None:
        self.files = [stored for stored in self.files if stored.file_id != file_id]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "train.jsonl"
    file.write_bytes(b'{"messages": []}\n' * 3)
    return file


def test_the_same_content_is_uploaded_once(path: Path) -> None:
    store = FileStore()
    first = upload_dataset(store, path)  # type: ignore[arg-type]
    second = upload_dataset(store, path)  # type: ignore[arg-type]
    assert (first.reused, second.reused, store.n_uploads) == (False, True, 1)
    assert first.file_id == second.file_id
    assert first.name == f"rft-{first.fingerprint[:16]}.jsonl"
    assert (first.n_records, first.size_bytes) == (3, path.stat().st_size)
    assert codec.load(UploadedDataset, codec.dump(first)) == first


def test_a_retry_after_a_lost_reply_finds_the_upload(path: Path) -> None:
    store = FileStore(loses_reply=True)
    with pytest.raises(ConnectionLost):
        upload_dataset(store, path)  # type: ignore[arg-type]
    assert upload_dataset(store, path).reused  # type: ignore[arg-type]
    assert store.n_uploads == 1


def test_a_truncated_upload_is_removed_and_a_retry_finishes_it(path: Path) -> None:
    store = FileStore(loses_bytes=5)
    with pytest.raises(TransientServiceError, match="bytes"):
        upload_dataset(store, path)  # type: ignore[arg-type]
    assert store.files == []
    store.loses_bytes = 0
    assert not upload_dataset(store, path).reused  # type: ignore[arg-type]


def test_a_file_of_that_name_but_another_size_is_not_used(path: Path) -> None:
    store = FileStore()
    upload_dataset(store, path, fingerprint="f" * 64)  # type: ignore[arg-type]
    path.write_bytes(b"{}\n")
    assert not upload_dataset(store, path, fingerprint="f" * 64).reused  # type: ignore[arg-type]


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"gone\.jsonl cannot be read"):
        upload_dataset(FileStore(), tmp_path / "gone.jsonl")  # type: ignore[arg-type]
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InvalidDataset, match="is empty"):
        upload_dataset(FileStore(), tmp_path / "empty.jsonl")  # type: ignore[arg-type]


@dataclass(frozen=True)
class ListedJob:
    """What is asked of a job: what it trained on, and how it went."""

    job_id: str
    training_data: str
    status: str


@dataclass
class Jobs:
    """The job half of a TrainingService; its listing may not say what a job trained on."""

    jobs: list[ListedJob]
    names_data: bool

    def list_jobs(self, *, created_after: float) -> list[ListedJob]:
        assert created_after == 0.0
        return [replace(job, status="queued", training_data=job.training_data * self.names_data) for job in self.jobs]

    def get_job(self, job_id: str) -> ListedJob:
        return next(job for job in self.jobs if job.job_id == job_id)


@pytest.mark.parametrize("names_data", [True, False])
@pytest.mark.parametrize(("file_id", "found"), [("a", "newest"), ("b", ""), ("c", "")])
def test_the_job_that_trained_on_a_file_is_the_newest_that_succeeded(
    file_id: str,
    found: str,
    names_data: bool,  # noqa: FBT001
) -> None:
    jobs = [
        ListedJob("running", "a", "running"),
        ListedJob("newest", "a", "succeeded"),
        ListedJob("older", "a", "succeeded"),
        ListedJob("failed", "b", "failed"),
    ]
    assert job_trained_on(Jobs(jobs, names_data), file_id) == found  # type: ignore[arg-type]
