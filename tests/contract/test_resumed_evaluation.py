"""Evaluations that are killed for good: whoever comes next pays only for what is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.core.evaluation.answer import Answer, read_lines
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess
from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model, load_completions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.evaluation.batch import BatchOrder
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun

BUCKET = "rft-evaluations"
NOVA = "amazon.nova-2-lite-v1:0"
N = 60

WORKER = """
import json, os, signal, sys, threading
import boto3
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model

order = json.loads(sys.argv[1])
asked = os.open(order["asked"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
lock = threading.Lock()
n_answered = 0

class Watched:
    def __init__(self, inner):
        self._inner = inner

    def complete(self, request):
        global n_answered
        os.write(asked, request.messages[-1].content.encode() + b"\\n")
        answer = self._inner.complete(request)
        with lock:
            n_answered += 1
            if n_answered == order["kill_at"]:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

def keys():
    return boto3.session.Session(aws_access_key_id="AKIALOCALEMULATOR001",
                                 aws_secret_access_key="local-emulator-secret", region_name="us-west-2")

session = Session(ClientConfig(region="us-west-2", endpoint_url=order["url"], session_factory=keys))
records = [Record(record_id=str(n), messages=(Message(role="user", content=f"What is {n} + 1?"),), reference=str(n + 1))
           for n in range(order["n"])]
run = evaluate_model(
    Watched(session.runtime), session.functions, session.objects, model="openai.gpt-oss-20b",
    grader_arn=order["grader"], records=records, artifacts_uri=order["uri"], clock=SystemClock(),
    settings=EvaluationSettings(max_concurrency=4, max_tokens=64),
)
print(run.n_requests)
"""


@pytest.fixture
def uri(emulator: Any) -> str:
    s3 = emulator.session().client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return f"s3://{BUCKET}/{os.urandom(4).hex()}"


def stored(emulator: Any, uri: str) -> set[str]:
    """The ids of the samples that have an answer."""
    objects = emulator.session().objects
    chunks = [objects.get(one) for one in objects.list(f"{uri}/answers/")]
    return {answer.sample_id for chunk in chunks for answer in read_lines(Answer, chunk, source="test")}


def test_a_worker_killed_half_way_is_followed_by_one_that_asks_for_the_rest(
    emulator: Any, uri: str, grader_arn: str, tmp_path: Path
) -> None:
    def work(name: str, kill_at: int) -> tuple[int, str, list[str]]:
        asked = tmp_path / name
        order = {"asked": str(asked), "url": emulator.url, "uri": uri, "grader": grader_arn, "n": N, "kill_at": kill_at}
        done = subprocess.run(
            [sys.executable, "-c", WORKER, json.dumps(order)], check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr, asked.read_text().splitlines()

    code, said, _ = work("first", 30)
    assert code == -signal.SIGKILL, said
    kept = stored(emulator, uri)
    assert 10 <= len(kept) < 30
    code, said, asked = work("second", -1)
    assert code == 0, said
    missing = {str(n) for n in range(N)} - kept
    assert sorted(asked) == sorted(f"What is {n} + 1?" for n in missing)
    assert said.split() == [str(len(missing))]


@pytest.fixture
def role(emulator: Any) -> str:
    session = emulator.session()
    bucket = f"arn:aws:s3:::{BUCKET}"
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [f"{bucket}/*"]},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket]},
    ]
    arn: str = session.roles.ensure_role(
        "rft-batch",
        trusted_service="bedrock.amazonaws.com",
        policy={"Version": "2012-10-17", "Statement": statements},
        managed_policies=(),
        source_account="123456789012",
    )
    return arn


def evaluate_in_batch(emulator: Any, uri: str, grader_arn: str, role: str, *, batch: Any = None) -> EvaluationRun:
    session = emulator.session()
    records = [
        Record(record_id=str(n), messages=(Message(role="user", content=f"What is {n} + 1?"),), reference=str(n + 1))
        for n in range(40)
    ]
    return evaluate_model(
        session.runtime,
        session.functions,
        session.objects,
        model=NOVA,
        grader_arn=grader_arn,
        records=records,
        artifacts_uri=uri,
        clock=SystemClock(),
        settings=EvaluationSettings(
            completions_per_sample=3, max_tokens=32, batch_role_arn=role, batch_from=100, max_concurrency=8
        ),
        batch=BatchAccess(service=batch or session.batch, pause_seconds=0.2),
    )


def batch_jobs(emulator: Any, uri: str) -> Iterator[Any]:
    bedrock = emulator.session().client("bedrock")
    for job in bedrock.list_model_invocation_jobs()["invocationJobSummaries"]:
        if job["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].startswith(uri):
            yield job


class Killed(BaseException):
    """The worker is gone."""


class Dying:
    """Batch inference whose caller dies as soon as a job is made."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create(self, order: BatchOrder) -> None:
        self._inner.create(order)
        raise Killed


def test_a_batch_is_ordered_once_and_collected_by_whoever_comes(
    emulator: Any, uri: str, grader_arn: str, role: str
) -> None:
    with pytest.raises(Killed):
        evaluate_in_batch(emulator, uri, grader_arn, role, batch=Dying(emulator.session().batch))
    run = evaluate_in_batch(emulator, uri, grader_arn, role)
    assert run.n_requests == 0
    (job,) = batch_jobs(emulator, uri)
    assert job["status"] == "Completed"
    answered = load_completions(emulator.session().objects, run)
    assert len(answered) == 120
    assert sum(not one.latency_ms for one in answered) == 36 * 3
    assert all(one.completion and one.completion_tokens for one in answered)
    assert evaluate_in_batch(emulator, uri, grader_arn, role) == run


def test_a_role_that_may_not_read_is_said_and_a_better_one_goes_on(
    emulator: Any, uri: str, grader_arn: str, role: str
) -> None:
    poor = emulator.session().roles.ensure_role(
        "rft-batch-poor",
        trusted_service="bedrock.amazonaws.com",
        policy={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["*"]}],
        },
        managed_policies=(),
    )
    with pytest.raises(JobFailure, match="Failed without an answer"):
        evaluate_in_batch(emulator, uri, grader_arn, poor)
    assert evaluate_in_batch(emulator, uri, grader_arn, role).n_samples == 40
    assert sorted(job["status"] for job in batch_jobs(emulator, uri)) == ["Completed", "Failed"]
