"""Whoever takes the exam: the fakes, our clients before the emulator, and (marked ``aws``) our clients before AWS."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.ports import TrainingService

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.ports import IntentStore

REGION = "us-west-2"
BUCKET = "rft-contract"
GRADER = """
def handler(event, context):
    return [{"id": e["id"], "aggregate_reward_score": float(len(str(e)) % 2)} for e in event]
"""


def load_fakes(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "fakes" / f"{name}.py"
    key = f"tests_fakes_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, path)
        assert spec
        assert spec.loader
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


@dataclass
class Emulator:
    """The emulator as a process, and its control API."""

    folder: Path
    url: str = ""
    process: Any = None

    def start(self) -> None:
        command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--data-dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()

    def control(self, method: str, path: str, /, **body: object) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_emulator/{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def session(self, **options: Any) -> Session:
        return Session(ClientConfig(region=REGION, endpoint_url=self.url, session_factory=root_keys, **options))


def root_keys() -> boto3.session.Session:
    return boto3.session.Session(
        aws_access_key_id="AKIALOCALEMULATOR001", aws_secret_access_key="local-emulator-secret", region_name=REGION
    )


@pytest.fixture(scope="session")
def emulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("emulator"))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def emulator(emulator_process: Emulator) -> Iterator[Emulator]:
    """The emulator without faults; jobs wait in the queue unless a test says otherwise."""
    emulator_process.control("DELETE", "faults")
    emulator_process.control("PATCH", "settings", queued_seconds=1e6)
    yield emulator_process
    emulator_process.control("DELETE", "faults")


@pytest.fixture(scope="session")
def grader_arn(emulator_process: Emulator) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("grader.py", GRADER)
    session = emulator_process.session()
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [trusted]}
    role = session.client("iam").create_role(RoleName="grader", AssumeRolePolicyDocument=json.dumps(trust))
    made = session.client("lambda").create_function(
        FunctionName="contract-grader",
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="grader.handler",
        Code={"ZipFile": package.getvalue()},
        Publish=True,
    )
    return f"{made['FunctionArn'].removesuffix(':1')}:1"


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    record = {"messages": [{"role": "user", "content": "What is 2+2?"}], "reference_answer": "4"}
    path.write_text("\n".join(json.dumps(record) for _ in range(100)) + "\n")
    return path


@dataclass
class Subject:
    """A training service and what a valid job on it is.

    ``let_run`` ends the queueing of jobs that are created after it, where the subject's time can be moved at all.
    """

    training: TrainingService
    spec: JobSpec
    fail_next_reply: Callable[[], None] | None = None
    finish: Callable[[str], None] | None = None
    name: str = ""
    created: list[str] = field(default_factory=list)


def _fake(dataset: Path) -> Subject:
    fakes = load_fakes("training")
    world = fakes.World()
    training = fakes.FakeTraining(world)
    file = training.upload_file(dataset, name="rft-contract.jsonl")

    def finish(job_id: str) -> None:
        world.end(job_id, "succeeded")

    spec = JobSpec(model="openai.gpt-oss-20b", training_data=file.file_id, grader_arn="arn:g:1")
    return Subject(training, spec, finish=finish, name="fake")


def _before_a_service(session: Session, dataset: Path, grader_arn: str, name: str) -> Subject:
    training = session.training
    file = training.find_file(name="rft-contract.jsonl") or training.upload_file(dataset, name="rft-contract.jsonl")
    spec = JobSpec(
        model="openai.gpt-oss-20b",
        training_data=file.file_id,
        grader_arn=grader_arn,
        hyperparameters=RftHyperparameters(n_epochs=1, batch_size=4, learning_rate_multiplier=1.0),
    )
    return Subject(training, spec, name=name)


@pytest.fixture(params=["fake", "emulator", pytest.param("aws", marks=pytest.mark.aws)])
def subject(request: pytest.FixtureRequest, dataset: Path) -> Iterator[Subject]:
    if request.param == "fake":
        made = _fake(dataset)
    elif request.param == "emulator":
        emulator: Emulator = request.getfixturevalue("emulator")
        made = _before_a_service(emulator.session(), dataset, request.getfixturevalue("grader_arn"), "emulator")
    else:
        arn = os.environ.get("RFT_CONTRACT_GRADER_ARN")
        if not arn:
            pytest.skip("set RFT_CONTRACT_GRADER_ARN, and credentials in a profile, to take the exam before AWS")
        made = _before_a_service(Session(ClientConfig(region=REGION)), dataset, arn, "aws")
    yield made
    for job_id in made.created:
        made.training.cancel_job(job_id)


@pytest.fixture(params=["fake", "emulator"])
def intents(request: pytest.FixtureRequest) -> IntentStore:
    if request.param == "fake":
        fakes = load_fakes("training")
        store: IntentStore = fakes.FakeIntents(fakes.World())
        return store
    emulator: Emulator = request.getfixturevalue("emulator")
    return intents_of(emulator)


def intents_of(emulator: Emulator, folder: str = "") -> IntentStore:
    session = emulator.session()
    s3 = session.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return session.intents(f"s3://{BUCKET}/{folder or os.urandom(4).hex()}")


@pytest.fixture
def s3_intents(emulator: Emulator) -> IntentStore:
    return intents_of(emulator)
