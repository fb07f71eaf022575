"""Many tasks submit and wait while every fifth call fails: nothing is lost and nothing is there twice.

``RFT_SOAK=1`` takes 200 jobs; the suite takes a few.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import ServiceError
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.job.submission import Submission, SubmissionPolicy
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.core.steps.job import submit_job
from airflow_provider_bedrock_rft.deferral import confirm
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.hooks.connected import plane_of
from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger
from airflow_provider_bedrock_rft.triggers.watch import read_arrival

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IS_SOAK = bool(os.environ.get("RFT_SOAK"))
N_JOBS = 200 if IS_SOAK else 16
N_TRIES = 12
READ_TIMEOUT = 4.0
SPEED = 200.0
BUCKET = "rft-soak"
PATHS = rf"^/v1/fine_tuning/|^/model-customization-jobs|^/{BUCKET}/intents/"
FAULTS: tuple[dict[str, object], ...] = (
    {"status": 429},
    {"status": 503},
    {"reset": "before"},
    {"reset": "after"},
    {"latency_seconds": (READ_TIMEOUT + 2) * SPEED},
)
PROBABILITY = 0.2 / len(FAULTS)
GRADER = """
def handler(event, context):
    return [{"id": e["id"], "aggregate_reward_score": float(len(str(e)) % 2)} for e in event]
"""


@dataclass
class World:
    url: str
    hook: BedrockRftHook
    specs: dict[str, JobSpec]

    def control(self, method: str, path: str, /, **body: object) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(
            f"{self.url}/_emulator/{path}", json.dumps(body).encode(), headers, method=method
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def submit(self, number: int) -> Submission:
        spec = self.specs["native" if number % 2 else "mantle"]
        training = self.hook.native_training if number % 2 else self.hook.training
        made: Submission = insist(
            lambda: submit_job(
                training,
                self.hook.intents(f"s3://{BUCKET}/intents"),
                key=f"soak/run/train-{number}",
                spec=spec,
                clock=SystemClock(),
                policy=SubmissionPolicy(settle_seconds=3.0, look_seconds=0.3),
            )
        )
        return made

    def jobs(self) -> list[tuple[str, str]]:
        planes = (self.hook.training, self.hook.native_training)
        return [(job.job_id, job.status.lower()) for plane in planes for job in plane.list_jobs(created_after=0.0)]


def insist(action: Callable[[], Any]) -> Any:
    """As the scheduler does."""
    for _ in range(N_TRIES - 1):
        try:
            return action()
        except ServiceError:  # noqa: PERF203 - every try has its own
            continue
    return action()


@pytest.fixture
def world(emulator: str, aws_conn_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    extra = {"region_name": "us-west-2", "endpoint_url": emulator, "config_kwargs": {"read_timeout": READ_TIMEOUT}}
    connection = {"conn_type": "aws", "login": "AKIALOCALEMULATOR001", "password": "local-emulator-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_SOAK", json.dumps(connection | {"extra": extra}))
    hook = BedrockRftHook(aws_conn_id)  # which is patient
    s3 = hook.session.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    data = tmp_path / "soak.jsonl"
    data.write_text("".join(f"{line}\n" for line in generate_problems(100, seed=3)))
    s3.upload_file(str(data), BUCKET, "data.jsonl")
    grader = deploy_grader(hook)
    role = hook.roles.ensure_role(
        "soak-job",
        trusted_service="bedrock.amazonaws.com",
        policy={"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
        managed_policies=(),
    )
    common: dict[str, Any] = {"grader_arn": grader, "hyperparameters": RftHyperparameters(n_epochs=1, batch_size=64)}
    uploaded = hook.training.upload_file(data, name="soak.jsonl")
    specs = {
        "mantle": JobSpec(model="openai.gpt-oss-20b", training_data=uploaded.file_id, **common),
        "native": JobSpec(
            model="amazon.nova-2-lite-v1:0:256k",
            training_data=f"s3://{BUCKET}/data.jsonl",
            output_s3_uri=f"s3://{BUCKET}/out",
            role_arn=role,
            **common,
        ),
    }
    made = World(emulator, BedrockRftHook("soak"), specs)
    made.control("PATCH", "settings", group_size=2)
    return made


def deploy_grader(hook: BedrockRftHook) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("grader.py", GRADER)
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    role = hook.session.client("iam").create_role(RoleName="soak-grader", AssumeRolePolicyDocument=trust)
    made = hook.session.client("lambda").create_function(
        FunctionName="soak-grader",
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="grader.handler",
        Code={"ZipFile": package.getvalue()},
        Publish=True,
    )
    return f"{made['FunctionArn'].removesuffix(':1')}:1"


async def task(world: World, number: int) -> str:
    """One deferred task from its submission to its model; each fifth is started by two schedulers at once."""
    starts = [asyncio.to_thread(world.submit, number) for _ in range(2 if number % 5 == 0 else 1)]
    job_id, *others = {submission.job_id for submission in await asyncio.gather(*starts)}
    assert not others
    now = time.time()
    plan = WaitPlan(job_id=job_id, created_at=now, deadline_at=now + 3600, min_poll_seconds=0.5, max_poll_seconds=2.0)
    trigger = BedrockRftWaitTrigger(plan=dump(plan), aws_conn_id="soak")
    event = await anext(BedrockRftWaitTrigger(**trigger.serialize()[1]).run())  # type: ignore[arg-type]
    ending = read_arrival(json.loads(json.dumps(event.payload)))
    job = await asyncio.to_thread(insist, lambda: confirm(ending, plane_of(world.hook, job_id)))  # type: ignore[arg-type]
    return str(job.job_id)


@pytest.mark.timeout(1800)
def test_nothing_is_lost_and_nothing_is_there_twice(world: World) -> None:
    for fault in FAULTS:
        world.control("POST", "faults", path=PATHS, probability=PROBABILITY, **fault)

    async def everybody() -> list[str]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
        return await asyncio.gather(*(task(world, number) for number in range(N_JOBS)))

    got = asyncio.run(everybody())
    taken = world.control("GET", "faults/log")["taken"]
    world.control("DELETE", "faults")
    assert len(set(got)) == N_JOBS
    assert sorted(job_id for job_id, _ in world.jobs()) == sorted(got)
    assert {status for _, status in world.jobs()} == {"succeeded", "completed"}
    kinds = {fault["what"].split("=")[0] + fault["what"][-4:] for fault in taken}
    assert len(kinds) == len(FAULTS), taken
