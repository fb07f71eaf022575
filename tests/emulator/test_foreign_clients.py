"""Clients that are none of ours, from the dataset to the tuned model's answer: curl, the AWS CLI, AsyncOpenAI.

The others are in ``test_sdk_flow.py`` (openai and boto3), ``bedrock/test_jobs.py`` and ``bedrock/test_models.py``
(boto3) and ``bedrock/test_amazon_provider.py`` (the Amazon provider's operators and sensors, unchanged).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

KEY, SECRET, REGION, ACCOUNT = "AKIALOCALEMULATOR001", "local-emulator-secret", "us-west-2", "123456789012"
MODEL = "openai.gpt-oss-20b"
ENDED = {"succeeded", "failed", "cancelled"}
GRADER = """
def handler(event, context):
    return [{"id": s["id"], "aggregate_reward_score": float(s["messages"][-1]["content"].endswith(
        s["metadata"]["reference_answer"]))} for s in event]
"""
CURL = shutil.which("curl")
AWS = os.environ.get("RFT_AWS_CLI") or shutil.which("aws")


def records(n: int = 100) -> bytes:
    lines = (
        {"messages": [{"role": "user", "content": f"What is {i} + 3?"}], "reference_answer": str(i + 3)}
        for i in range(n)
    )
    return "\n".join(map(json.dumps, lines)).encode()


def order_of(file: str, function: str) -> dict[str, Any]:
    grader = {"type": "lambda", "lambda": {"function": function}}
    method = {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"batch_size": 30}}}
    return {"model": MODEL, "training_file": file, "method": method}


@pytest.fixture(scope="module")
def function(emulator: Any) -> str:
    return str(emulator.deploy(f"foreign-{uuid.uuid4().hex[:8]}", GRADER))


@dataclass
class Curl:
    """curl, as one would type it."""

    url: str
    token: str

    def __call__(self, path: str, *arguments: str) -> Any:
        assert CURL is not None
        command = [CURL, "--silent", "--show-error", "--fail-with-body", "-H", f"Authorization: Bearer {self.token}"]
        done = subprocess.run([*command, *arguments, self.url + path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout if "--no-buffer" in arguments else json.loads(done.stdout)

    def post(self, path: str, body: object) -> Any:
        return self(path, "-H", "Content-Type: application/json", "-d", json.dumps(body))


@pytest.mark.skipif(CURL is None, reason="there is no curl on this machine")
def test_curl(emulator: Any, function: str, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    curl = Curl(emulator.url, emulator.token())
    data = tmp_path / "train.jsonl"
    data.write_bytes(records())
    file = curl("/v1/files", "-F", "purpose=fine-tune", "-F", f"file=@{data}")["id"]
    job = curl.post("/v1/fine_tuning/jobs", order_of(file, function))["id"]
    ended = wait_until(lambda: (it := curl(f"/v1/fine_tuning/jobs/{job}"))["status"] in ENDED and it, seconds=180)
    assert ended["status"] == "succeeded"
    events = curl(f"/v1/fine_tuning/jobs/{job}/events?limit=100")["data"]
    assert {event["data"]["step"] for event in events if event["type"] == "metrics"} == {1, 2, 3}
    checkpoint = curl(f"/v1/fine_tuning/jobs/{job}/checkpoints")["data"][0]["fine_tuned_model_checkpoint"]
    asked = {"model": checkpoint, "messages": [{"role": "user", "content": "What is 4 + 3?"}]}
    assert curl.post("/v1/chat/completions", asked)["choices"][0]["message"]["content"]
    streamed = curl(
        "/v1/chat/completions",
        "--no-buffer",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps({**asked, "stream": True}),
    )
    assert streamed.rstrip().endswith("data: [DONE]")


@pytest.mark.skipif(CURL is None, reason="there is no curl on this machine")
def test_curl_signs_native_requests_itself(emulator: Any) -> None:
    assert CURL is not None
    command = [CURL, "--silent", "--aws-sigv4", f"aws:amz:{REGION}:bedrock", "--user", f"{KEY}:{SECRET}"]
    listed = subprocess.run([*command, f"{emulator.url}/foundation-models"], capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout)["modelSummaries"]
    forged = [part.replace(SECRET, "another") for part in command]
    refused = subprocess.run([*forged, f"{emulator.url}/foundation-models"], capture_output=True, text=True, check=True)
    assert "does not match" in refused.stdout


@pytest.fixture
async def client(emulator: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        yield client


async def test_async_openai(client: openai.AsyncOpenAI, function: str) -> None:
    file = await client.files.create(file=("train.jsonl", records()), purpose="fine-tune")
    order = order_of(file.id, function)
    job = await client.fine_tuning.jobs.create(
        model=MODEL, training_file=file.id, extra_body={"method": order["method"]}
    )
    for _ in range(2_000):
        job = await client.fine_tuning.jobs.retrieve(job.id)
        if job.status in ENDED:
            break
        await asyncio.sleep(0.1)
    assert job.status == "succeeded"
    assert job.fine_tuned_model is not None
    model = job.fine_tuned_model
    events = [event async for event in client.fine_tuning.jobs.list_events(job.id, limit=2)]
    assert len({event.id for event in events}) == len(events)
    assert sum(event.type == "metrics" for event in events) == 3
    checkpoints = [it async for it in client.fine_tuning.jobs.checkpoints.list(job.id)]
    assert [it.fine_tuned_model_checkpoint for it in checkpoints] == [model]
    answers = await asyncio.gather(
        *(
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": f"What is {n} + 3?"}])
            for n in range(16)
        )
    )
    assert all(answer.choices[0].message.content for answer in answers)
    stream = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "What is 2 + 3?"}], stream=True
    )
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


@dataclass
class AwsCli:
    """The AWS CLI, with nothing but its documented environment."""

    url: str
    folder: Path

    def __call__(self, *arguments: str) -> Any:
        assert AWS is not None
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_PAGER": "",
        }
        done = subprocess.run(
            [AWS, *arguments, "--output", "json"], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.lstrip().startswith(("{", "[")) else done.stdout


def allowing(*actions: str, principal: str = "") -> str:
    who = {"Principal": {"Service": principal}} if principal else {"Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), **who}]})


@pytest.mark.skipif(AWS is None, reason="there is no AWS CLI on this machine; RFT_AWS_CLI may name one")
def test_the_aws_cli(emulator: Any, tmp_path: Path, wait_until: Callable[..., Any]) -> None:
    aws, name = AwsCli(emulator.url, tmp_path), f"cli-{uuid.uuid4().hex[:8]}"
    (tmp_path / "train.jsonl").write_bytes(records())
    with zipfile.ZipFile(tmp_path / "grader.zip", "w") as package:
        package.writestr("grader.py", GRADER)
    aws("s3", "mb", f"s3://{name}")
    aws("s3", "cp", str(tmp_path / "train.jsonl"), f"s3://{name}/train.jsonl")
    for role, service in ((f"{name}-job", "bedrock.amazonaws.com"), (f"{name}-function", "lambda.amazonaws.com")):
        trust = allowing("sts:AssumeRole", principal=service)
        aws("iam", "create-role", "--role-name", role, "--assume-role-policy-document", trust)
    rights = allowing("s3:GetObject", "s3:PutObject", "s3:ListBucket", "lambda:InvokeFunction")
    aws("iam", "put-role-policy", "--role-name", f"{name}-job", "--policy-name", "it", "--policy-document", rights)
    made = aws(
        *(
            "lambda",
            "create-function",
            "--function-name",
            name,
            "--runtime",
            "python3.12",
            "--handler",
            "grader.handler",
        ),
        *("--role", f"arn:aws:iam::{ACCOUNT}:role/{name}-function", "--zip-file", f"fileb://{tmp_path}/grader.zip"),
        "--publish",
    )
    grader = {"lambdaGrader": {"lambdaArn": f"{made['FunctionArn'].removesuffix(':1')}:1"}}
    hyperparameters = {"batchSize": 32, "trainingSamplePerPrompt": 2}
    job = aws(
        *("bedrock", "create-model-customization-job", "--job-name", name, "--custom-model-name", name),
        *("--role-arn", f"arn:aws:iam::{ACCOUNT}:role/{name}-job", "--base-model-identifier"),
        *("amazon.nova-2-lite-v1:0:256k", "--customization-type", "REINFORCEMENT_FINE_TUNING"),
        *("--training-data-config", json.dumps({"s3Uri": f"s3://{name}/train.jsonl"})),
        *("--output-data-config", json.dumps({"s3Uri": f"s3://{name}/out"})),
        "--customization-config",
        json.dumps({"rftConfig": {"graderConfig": grader, "hyperParameters": hyperparameters}}),
    )["jobArn"]

    def ended() -> Any:
        shown = aws("bedrock", "get-model-customization-job", "--job-identifier", job)
        return shown if shown["status"] != "InProgress" else None

    done = wait_until(ended, seconds=240)
    assert done["status"] == "Completed", done
    listed = aws("bedrock", "list-model-customization-jobs", "--name-contains", name)["modelCustomizationJobSummaries"]
    assert [item["jobArn"] for item in listed] == [job]
    deployed = aws(
        *("bedrock", "create-custom-model-deployment", "--model-deployment-name", name),
        *("--model-arn", done["outputModelArn"]),
    )["customModelDeploymentArn"]
    wait_until(
        lambda: (
            aws("bedrock", "get-custom-model-deployment", "--custom-model-deployment-identifier", deployed)["status"]
            == "Active"
        )
    )
    asked = json.dumps([{"role": "user", "content": [{"text": "What is 4 + 3?"}]}])
    answer = aws("bedrock-runtime", "converse", "--model-id", deployed, "--messages", asked)
    assert answer["output"]["message"]["content"][0]["text"]
