"""Exactly one job per intent, with our clients, real processes and the emulator's faults."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.intents import S3Intents
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import ServiceError
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.job.submission import How, Submission, SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import release_job, submit_job

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATE = "^/v1/fine_tuning/jobs$"

WORKER = """
import json, os, signal, sys
import boto3
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.intents import S3Intents
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.job.spec import JobSpec
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import submit_job

order = json.loads(sys.argv[1])
calls = 0

class Deadly:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args, **kwargs):
            global calls
            calls += 1
            if calls == order["kill_before"]:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = found(*args, **kwargs)
            if name == "list_jobs":
                answer = list(answer)
            if calls == order["kill_after"]:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

def keys():
    return boto3.session.Session(aws_access_key_id="AKIALOCALEMULATOR001",
                                 aws_secret_access_key="local-emulator-secret", region_name="us-west-2")

session = Session(ClientConfig(region="us-west-2", endpoint_url=order["url"], session_factory=keys))
submission = submit_job(
    Deadly(session.training), Deadly(session.intents(order["intents"])), key=order["key"],
    spec=load(JobSpec, order["spec"]), clock=SystemClock(), policy=SubmissionPolicy(settle_seconds=3.0, look_seconds=0.2),
)
print(submission.job_id)
"""


@dataclass
class Plane:
    emulator: Any
    spec: JobSpec
    intents: S3Intents
    uri: str

    def submit(self, key: str = "dag/run/train/0", **policy: Any) -> Submission:
        options = {"settle_seconds": 3.0, "look_seconds": 0.1} | policy
        return submit_job(
            self.emulator.session(max_retries=1).training,
            self.intents,
            key=key,
            spec=self.spec,
            clock=SystemClock(),
            policy=SubmissionPolicy(**options),
        )

    def jobs(self) -> list[str]:
        listed = self.emulator.session().training.list_jobs(created_after=0.0)
        return [job.job_id for job in listed if job.training_data == self.spec.training_data]


@pytest.fixture
def plane(emulator: Any, dataset: Any, grader_arn: str, s3_intents: S3Intents) -> Iterator[Plane]:
    training = emulator.session().training
    file = training.upload_file(dataset, name="rft-submission.jsonl")
    spec = JobSpec(
        model="openai.gpt-oss-20b",
        training_data=file.file_id,
        grader_arn=grader_arn,
        hyperparameters=RftHyperparameters(n_epochs=1, batch_size=4),
    )
    made = Plane(emulator, spec, s3_intents, str(s3_intents._root))
    yield made
    emulator.control("DELETE", "faults")
    for job_id in made.jobs():
        training.cancel_job(job_id)


def test_a_reply_lost_after_acceptance(plane: Plane) -> None:
    plane.emulator.control("POST", "faults", method="POST", path=CREATE, times=1, reset="after")
    submission = plane.submit()
    assert submission.how is How.FOUND
    assert plane.jobs() == [submission.job_id]


def test_a_request_lost_before_acceptance(plane: Plane) -> None:
    plane.emulator.control("POST", "faults", method="POST", path=CREATE, times=1, reset="before")
    submission = plane.submit(settle_seconds=1.0)
    assert submission.how is How.CREATED
    assert plane.jobs() == [submission.job_id]


def test_a_lost_reply_and_a_listing_that_is_late(plane: Plane) -> None:
    plane.emulator.control("POST", "faults", method="POST", path=CREATE, times=1, reset="after")
    plane.emulator.control("POST", "faults", method="GET", path=CREATE, stale_seconds=1.5)
    submission = plane.submit(settle_seconds=4.0)
    plane.emulator.control("DELETE", "faults")
    assert submission.how is How.FOUND
    assert plane.jobs() == [submission.job_id]


def test_a_5xx_that_hides_an_acceptance_is_searched(plane: Plane) -> None:
    plane.emulator.control("POST", "faults", method="POST", path=CREATE, times=2, status=503)
    submission = plane.submit(settle_seconds=0.5)
    assert plane.jobs() == [submission.job_id]


@pytest.mark.parametrize("place", [r"/claims/", r"/job-\d+\.json$", r"/001\.json$"])
@pytest.mark.parametrize("fault", [{"status": 429}, {"reset": "after"}])
def test_a_store_that_fails_once_the_job_is_there(plane: Plane, place: str, fault: dict[str, Any]) -> None:
    """A throttled write of ours says nothing about the job: it was created, and is found again."""
    skip = {r"/001\.json$": 2}.get(place, 0)
    plane.emulator.control("POST", "faults", path=place, skip=skip, times=5, **fault)
    submission = None
    for _ in range(4):  # as the scheduler would
        try:
            submission = plane.submit(settle_seconds=1.0)
            break
        except ServiceError:
            continue
    assert submission is not None
    plane.emulator.control("DELETE", "faults")
    assert plane.jobs() == [submission.job_id]


def test_releasing_stops_the_job_and_a_rerun_trains_anew(plane: Plane) -> None:
    first = plane.submit()
    training = plane.emulator.session().training
    assert release_job(training, plane.intents, key="dag/run/train/0") == first.job_id
    second = plane.submit()
    assert second.job_id != first.job_id
    assert sorted(plane.jobs()) == sorted([first.job_id, second.job_id])


@pytest.mark.parametrize(("moment", "at"), [("kill_before", 3), ("kill_after", 3), ("kill_after", 5)])
def test_sigkill(plane: Plane, moment: str, at: int) -> None:
    """A process killed for good before or after its n-th call, then two at once that take its place."""
    order = {
        "url": plane.emulator.url,
        "intents": plane.uri,
        "key": "dag/run/train/0",
        "spec": dump(plane.spec),
        "kill_before": 0,
        "kill_after": 0,
    }
    killed = subprocess.run([sys.executable, "-c", WORKER, json.dumps(order | {moment: at})], check=False)
    assert killed.returncode == -9
    command = [sys.executable, "-c", WORKER, json.dumps(order)]
    heirs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    got = {heir.communicate(timeout=60)[0].strip() for heir in heirs}
    assert got == set(plane.jobs())
    assert len(got) == 1


def test_soak(plane: Plane) -> None:
    """Many tasks alike under 20 % faults of every kind: a job each, none lost, none twice."""
    faults = [
        {"status": 429, "probability": 0.05},
        {"status": 503, "probability": 0.05},
        {"reset": "before", "probability": 0.05},
        {"reset": "after", "probability": 0.05},
    ]
    for fault in faults:
        plane.emulator.control("POST", "faults", path="^/v1/", **fault)
    n_tasks = 24

    def run(number: int) -> str:
        for _ in range(8):  # as the scheduler would
            try:
                return plane.submit(f"dag/run/train-{number}", settle_seconds=1.5, look_seconds=0.2).job_id
            except ServiceError:  # noqa: PERF203 - every try has its own
                continue
        raise AssertionError(f"task {number} never got a job")

    order = list(range(n_tasks))
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(run, order))
    plane.emulator.control("DELETE", "faults")
    assert len(set(got)) == n_tasks
    assert sorted(plane.jobs()) == sorted(got)
