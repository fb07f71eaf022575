"""Native jobs before the emulator: the exam of a ``TrainingService``, and one job whatever is killed or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.core.job.submission import Submission, SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import submit_job
from airflow_provider_bedrock_rft.core.steps.role import with_role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.ports import TrainingService

BUCKET = "rft-native-contract"
CREATE = "^/model-customization-jobs$"
KEY = "dag/run/train/0"

WORKER = """
import json, os, signal, sys
import boto3
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.job.spec import JobSpec
from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import submit_job

order = json.loads(sys.argv[1])

class Deadly:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args, **kwargs):
            if [name, "before"] == order["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = found(*args, **kwargs)
            if [name, "after"] == order["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

def keys():
    return boto3.session.Session(aws_access_key_id="AKIALOCALEMULATOR001",
                                 aws_secret_access_key="local-emulator-secret", region_name="us-west-2")

session = Session(ClientConfig(region="us-west-2", endpoint_url=order["url"], session_factory=keys))
submission = submit_job(
    Deadly(session.native_training), Deadly(session.intents(order["intents"])), key=order["key"],
    spec=load(JobSpec, order["spec"]), clock=SystemClock(), policy=SubmissionPolicy(look_seconds=0.1),
)
print(submission.job_id)
"""


@dataclass
class Native:
    """The native plane of the emulator, and what a valid job on it is."""

    emulator: Any
    spec: JobSpec
    intents: Any
    uri: str

    @property
    def training(self) -> TrainingService:
        found: TrainingService = self.emulator.session(max_retries=1).native_training
        return found

    def submit(self, key: str = KEY) -> Submission:
        policy = SubmissionPolicy(look_seconds=0.1)
        return submit_job(self.training, self.intents, key=key, spec=self.spec, clock=SystemClock(), policy=policy)

    def jobs(self) -> list[str]:
        training = self.training
        listed = [training.get_job(job.job_id) for job in training.list_jobs(created_after=0.0)]
        return [job.job_id for job in listed if job.training_data == self.spec.training_data]


@pytest.fixture
def native(emulator: Any, dataset: Path, grader_arn: str) -> Iterator[Native]:
    session = emulator.session()
    s3 = session.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    own = os.urandom(4).hex()
    data = f"s3://{BUCKET}/datasets/{own}.jsonl"
    session.objects.put(data, dataset)
    spec = JobSpec(
        model="amazon.nova-2-lite-v1:0:256k",
        training_data=data,
        grader_arn=grader_arn,
        hyperparameters=RftHyperparameters(n_epochs=1, batch_size=16, samples_per_prompt=2),
        name=f"contract-{own}",
        output_s3_uri=f"s3://{BUCKET}/jobs",
    )
    uri = f"s3://{BUCKET}/intents/{own}"
    made = Native(emulator, with_role(session.roles, spec), session.intents(uri), uri)
    yield made
    emulator.control("DELETE", "faults")
    for job_id in made.jobs():
        made.training.cancel_job(job_id)


def test_a_job_is_created_read_back_and_listed(native: Native) -> None:
    job = native.training.create_job(native.spec, token="a" * 32)
    assert job.job_id.startswith("arn:aws:bedrock:us-west-2:123456789012:model-customization-job/")
    assert (job.name, job.token, job.grader_arn) == (native.spec.name, "a" * 32, native.spec.grader_arn)
    assert job.training_data == native.spec.training_data
    assert job.hyperparameters == {"n_epochs": 1, "batch_size": 16, "samples_per_prompt": 2}
    assert native.training.get_job(native.spec.name).job_id == job.job_id
    listed = list(native.training.list_jobs(created_after=job.created_at))
    assert job.job_id in {found.job_id for found in listed}
    assert list(native.training.list_jobs(created_after=job.created_at + 1e6)) == []


def test_the_same_token_is_the_same_job_and_the_same_name_is_not(native: Native) -> None:
    first = native.training.create_job(native.spec, token="b" * 32)
    assert native.training.create_job(native.spec, token="b" * 32).job_id == first.job_id
    with pytest.raises((ResourceConflict, RequestRejected)):
        native.training.create_job(native.spec, token="c" * 32)
    assert native.jobs() == [first.job_id]


def test_what_is_not_there_is_not_found(native: Native) -> None:
    with pytest.raises(ResourceNotFound):
        native.training.get_job("no-such-job")
    with pytest.raises((RequestRejected, ResourceNotFound)):
        native.training.create_job(replace(native.spec, model="unknown.model"), token="d" * 32)


def test_a_cancelled_job_ends_and_may_be_cancelled_again(native: Native) -> None:
    job = native.training.create_job(native.spec, token="e" * 32)
    for _ in range(2):
        native.training.cancel_job(job.job_id)
    assert outcome_of(native.training.get_job(job.job_id).status) in {Outcome.CANCELLED, Outcome.SUCCEEDED, None}


def test_a_young_job_has_neither_checkpoints_nor_doubled_events(native: Native) -> None:
    job = native.training.create_job(native.spec, token="f" * 32)
    assert list(native.training.list_checkpoints(job.job_id)) == []
    ids = [event.event_id for event in native.training.list_events(job.job_id)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("fault", [{"reset": "after"}, {"reset": "before"}, {"status": 503}, {"status": 429}])
def test_a_lost_or_refused_request_leaves_one_job(native: Native, fault: dict[str, Any]) -> None:
    native.emulator.control("POST", "faults", method="POST", path=CREATE, times=2, **fault)
    submission = native.submit()
    assert native.jobs() == [submission.job_id]
    assert native.submit().job_id == submission.job_id


@pytest.mark.parametrize("kill", [("create_job", "before"), ("create_job", "after")])
def test_sigkill_between_create_and_record_leaves_one_job(native: Native, kill: tuple[str, str]) -> None:
    """A process killed for good, then two at once that take its place."""
    order = {"url": native.emulator.url, "intents": native.uri, "key": KEY, "spec": dump(native.spec), "kill": []}
    command = [sys.executable, "-c", WORKER]
    killed = subprocess.run([*command, json.dumps(order | {"kill": kill})], check=False)
    assert killed.returncode == -9
    heirs = [subprocess.Popen([*command, json.dumps(order)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    got = {heir.communicate(timeout=60)[0].strip() for heir in heirs}
    assert got == set(native.jobs())
    assert len(got) == 1
