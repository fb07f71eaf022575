"""EventBridge's news about jobs, through an SQS queue: it wakes who waits, and nobody depends on it."""

from __future__ import annotations

import asyncio
import io
import json
import time
import urllib.request
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

import pytest

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.clients.wake_ups import job_in
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

pytestmark = pytest.mark.timeout(150)  # far less than the safety net's pause

BUCKET, SAFETY_NET_SECONDS = "rft-wake", 3600.0
GRADER = """
def handler(event, context):
    return [{"id": e["id"], "aggregate_reward_score": float(len(str(e)) % 2)} for e in event]
"""


@dataclass
class World:
    conn_id: str
    hook: BedrockRftHook
    queue: str
    request: dict[str, Any]

    def create(self) -> str:
        name = f"wake-{uuid.uuid4().hex[:12]}"
        bedrock = self.hook.session.client("bedrock")
        made = bedrock.create_model_customization_job(**self.request, jobName=name, customModelName=name)
        return str(made["jobArn"])

    def trigger(self, job_id: str, *, queue: str) -> rft.BedrockRftWaitTrigger:
        now = time.time()
        plan = WaitPlan(
            job_id=job_id,
            created_at=now,
            deadline_at=now + 7200,
            min_poll_seconds=SAFETY_NET_SECONDS,
            max_poll_seconds=SAFETY_NET_SECONDS,
        )
        made = rft.BedrockRftWaitTrigger(plan=dump(plan), aws_conn_id=self.conn_id, wake_queue=queue)
        return rft.BedrockRftWaitTrigger(**json.loads(json.dumps(made.serialize()[1])))


@pytest.fixture(scope="module")
def world(aws_conn_id: str, emulator: str) -> World:
    hook = BedrockRftHook(aws_conn_id)
    s3, sqs = hook.session.client("s3"), hook.session.client("sqs")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    body = "".join(f"{line}\n" for line in generate_problems(100, seed=4))
    s3.put_object(Bucket=BUCKET, Key="data.jsonl", Body=body.encode())
    queue = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = hook.session.client("events")
    pattern = {"source": ["aws.bedrock"], "detail-type": ["Model Customization Job State Change"]}
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": arn}])
    settings = json.dumps({"queued_seconds": 600.0, "group_size": 2}).encode()
    request = urllib.request.Request(f"{emulator}/_emulator/settings", settings, method="PATCH")
    with urllib.request.urlopen(request):
        pass
    return World(aws_conn_id, hook, queue, request_of(hook))


def request_of(hook: BedrockRftHook) -> dict[str, Any]:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("grader.py", GRADER)
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    roles = {
        service: hook.roles.ensure_role(
            f"wake-{service}", trusted_service=f"{service}.amazonaws.com", policy=everything, managed_policies=()
        )
        for service in ("lambda", "bedrock")
    }
    made = hook.session.client("lambda").create_function(
        FunctionName="wake-grader",
        Runtime="python3.12",
        Role=roles["lambda"],
        Handler="grader.handler",
        Code={"ZipFile": package.getvalue()},
    )
    grader = {"lambdaGrader": {"lambdaArn": made["FunctionArn"]}}
    return {
        "roleArn": roles["bedrock"],
        "baseModelIdentifier": "amazon.nova-2-lite-v1:0:256k",
        "customizationType": "REINFORCEMENT_FINE_TUNING",
        "trainingDataConfig": {"s3Uri": f"s3://{BUCKET}/data.jsonl"},
        "outputDataConfig": {"s3Uri": f"s3://{BUCKET}/out"},
        "customizationConfig": {
            "rftConfig": {"graderConfig": grader, "hyperParameters": {"epochCount": 1, "batchSize": 64}}
        },
    }


async def ended(*triggers: rft.BedrockRftWaitTrigger) -> list[Any]:
    return [event.payload for event in await asyncio.gather(*(anext(trigger.run()) for trigger in triggers))]


def test_events_wake_those_that_wait_long_before_they_would_poll(world: World) -> None:
    jobs = [world.create() for _ in range(2)]
    found = asyncio.run(ended(*(world.trigger(job, queue=world.queue) for job in jobs)))
    assert [(ending["job_id"], ending["reason"]) for ending in found] == [(job, "succeeded") for job in jobs]


def test_the_news_of_others_stays_in_the_queue(world: World) -> None:
    mine, other = world.create(), world.create()
    asyncio.run(ended(world.trigger(mine, queue=world.queue)))
    wake_ups = world.hook.wake_ups(world.queue)
    heard: set[str] = set()
    while other not in heard:
        heard |= wake_ups.receive({mine, other}, wait_seconds=1)


def test_an_inline_wait_is_woken_too(world: World) -> None:
    job_id = world.create()
    task = rft.BedrockRftCreateJobOperator(
        task_id="train", model="amazon.nova", dataset="s3://b/k", grader="arn", aws_conn_id=world.conn_id
    )
    task.wake_queue = world.queue
    ending = task.wait(world.trigger(job_id, queue="").plan)
    assert isinstance(ending, Ending)
    assert (ending.job_id, ending.reason) == (job_id, EndingKind.SUCCEEDED)


def test_a_queue_that_is_gone_is_told_and_polling_goes_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    trigger = world.trigger(world.create(), queue=world.queue.replace("/jobs", "/nowhere"))
    trigger.plan = WaitPlan(**{**vars_of(trigger.plan), "min_poll_seconds": 0.5, "max_poll_seconds": 1.0})
    (found,) = asyncio.run(ended(trigger))
    assert found["reason"] == "succeeded"
    assert "polled only" in caplog.text


def vars_of(plan: WaitPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ('{"detail": {"jobArn": "arn:1"}}', "arn:1"),
        ('{"detail": {"batchJobArn": "arn:2"}}', "arn:2"),
        ('{"detail": []}', ""),
        ("[]", ""),
        ("no json", ""),
        ("{}", ""),
    ],
)
def test_what_an_event_is_about(body: str, job: str) -> None:
    assert job_in(body) == job
