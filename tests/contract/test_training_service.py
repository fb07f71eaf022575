"""One exam for every ``TrainingService``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceNotFound
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of

if TYPE_CHECKING:
    from pathlib import Path


def create(subject: Any) -> Any:
    job = subject.training.create_job(subject.spec, token="a" * 32)
    subject.created.append(job.job_id)
    return job


def test_a_created_job_is_what_was_asked_for(subject: Any) -> None:
    job = create(subject)
    assert job.job_id
    assert outcome_of(job.status) is None
    assert (job.model, job.training_data) == (subject.spec.model, subject.spec.training_data)
    assert job.grader_arn == subject.spec.grader_arn
    assert job.finished_at is None
    assert job.tuned_model == ""
    for name, value in subject.spec.hyperparameters.given().items():
        assert job.hyperparameters[name] == value


def test_a_created_job_can_be_retrieved(subject: Any) -> None:
    job = create(subject)
    again = subject.training.get_job(job.job_id)
    assert (again.job_id, again.created_at) == (job.job_id, job.created_at)


def test_a_plane_without_tokens_makes_a_job_of_every_request(subject: Any) -> None:
    assert not subject.training.capabilities.has_idempotency_token
    assert create(subject).job_id != create(subject).job_id


def test_jobs_are_listed_newest_first_and_not_before_the_given_time(subject: Any) -> None:
    first, second = create(subject), create(subject)
    ids = [job.job_id for job in subject.training.list_jobs(created_after=first.created_at)]
    assert {first.job_id, second.job_id} <= set(ids)
    times = [job.created_at for job in subject.training.list_jobs(created_after=first.created_at)]
    assert times == sorted(times, reverse=True)
    assert list(subject.training.list_jobs(created_after=second.created_at + 1000)) == []


def test_an_unknown_job_is_not_found(subject: Any) -> None:
    with pytest.raises(ResourceNotFound):
        subject.training.get_job("ftjob-00000000-0000-0000-0000-000000000000")


def test_an_unknown_model_is_refused(subject: Any) -> None:
    with pytest.raises((RequestRejected, ResourceNotFound)):
        subject.training.create_job(replace(subject.spec, model="unknown.model"), token="a" * 32)


def test_a_cancelled_job_ends_and_may_be_cancelled_again(subject: Any) -> None:
    job = create(subject)
    subject.training.cancel_job(job.job_id)
    assert outcome_of(subject.training.get_job(job.job_id).status) in {Outcome.CANCELLED, None}
    subject.training.cancel_job(job.job_id)


def test_a_young_job_has_no_checkpoints_and_its_events_have_ids(subject: Any) -> None:
    job = create(subject)
    assert list(subject.training.list_checkpoints(job.job_id)) == []
    ids = [event.event_id for event in subject.training.list_events(job.job_id)]
    assert len(ids) == len(set(ids))


def test_a_file_is_stored_found_and_deleted(subject: Any, dataset: Path) -> None:
    stored = subject.training.upload_file(dataset, name="rft-exam.jsonl")
    assert stored.size_bytes == dataset.stat().st_size
    found = subject.training.find_file(name="rft-exam.jsonl")
    assert found
    assert found.file_id == stored.file_id
    newer = subject.training.upload_file(dataset, name="rft-exam.jsonl")
    assert newer.file_id != stored.file_id
    for file in (stored, newer, stored):
        subject.training.delete_file(file.file_id)
    assert subject.training.find_file(name="rft-exam.jsonl") is None


def test_files_are_listed_until_they_are_deleted(subject: Any, dataset: Path) -> None:
    stored = subject.training.upload_file(dataset, name="rft-listed.jsonl")
    assert stored.file_id in {file.file_id for file in subject.training.list_files()}
    subject.training.delete_file(stored.file_id)
    assert stored.file_id not in {file.file_id for file in subject.training.list_files()}


def test_deleting_a_model_that_is_not_there_is_no_error(subject: Any) -> None:
    assert subject.training.delete_model("ft-00000000-0000-0000-0000-000000000000") is None


def test_a_name_that_nothing_has_is_not_found(subject: Any) -> None:
    assert subject.training.find_file(name="nothing-has-this-name") is None
