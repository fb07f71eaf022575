"""Buckets, roles and jobs of the native plane, as boto3 makes them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest

ACCOUNT = "123456789012"
BASE = "amazon.nova-2-lite-v1:0:256k"
GRADER = """
import re

def handler(event, context):
    scores = []
    for sample in event:
        text = sample["messages"][-1]["content"]
        wanted = sample["metadata"]["reference_answer"]
        marked = re.search(r"####\\s*(-?\\d+)", text)
        score = 1.0 if marked and marked[1] == wanted else 0.2 if marked else 0.0
        scores.append({"id": sample["id"], "aggregate_reward_score": score})
    return scores
"""
_NUMBERS = itertools.count()


def problems(n: int) -> bytes:
    records = []
    for i in range(n):
        a, b = i % 9 + 2, i % 13 + 1
        question = (
            f"Tom has {a} pens and buys {b} more. How many pens does he have now? Answer with #### and the number."
        )
        records.append({"messages": [{"role": "user", "content": question}], "reference_answer": str(a + b)})
    return "\n".join(map(json.dumps, records)).encode()


def policy(bucket: str, *actions: str) -> dict[str, Any]:
    resources = {
        "s3:GetObject": f"arn:aws:s3:::{bucket}/*",
        "s3:PutObject": f"arn:aws:s3:::{bucket}/*",
        "s3:ListBucket": f"arn:aws:s3:::{bucket}",
        "lambda:InvokeFunction": "arn:aws:lambda:*:*:function:*",
    }
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": resources[action]} for action in actions],
    }


def trust(service: str = "bedrock.amazonaws.com", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


@dataclass
class Native:
    """The native plane of one emulator, with a bucket, a role and a grader of its own."""

    emulator: Any
    bucket: str
    function: str
    role: str

    @property
    def bedrock(self) -> Any:
        return self.emulator.aws("bedrock")

    @property
    def runtime(self) -> Any:
        return self.emulator.aws("bedrock-runtime")

    def put(self, key: str, body: bytes) -> str:
        self.emulator.aws("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> str:
        return self.emulator.aws("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def make_role(self, name: str, actions: tuple[str, ...], trusted: dict[str, Any] | None = None) -> str:
        iam = self.emulator.aws("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusted or trust()))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=json.dumps(policy(self.bucket, *actions)))
        return str(role["Arn"])

    def request(self, *, n: int = 120, **changes: Any) -> dict[str, Any]:
        number = next(_NUMBERS)
        hyperparameters = {"batchSize": 16, "trainingSamplePerPrompt": 2, **changes.pop("hyperparameters", {})}
        grader = {"lambdaGrader": {"lambdaArn": self.function}}
        return {
            "jobName": f"job-{number}",
            "customModelName": f"model-{number}",
            "roleArn": self.role,
            "baseModelIdentifier": BASE,
            "customizationType": "REINFORCEMENT_FINE_TUNING",
            "trainingDataConfig": {"s3Uri": self.put(f"train-{n}.jsonl", problems(n))},
            "outputDataConfig": {"s3Uri": f"s3://{self.bucket}/out/"},
            "customizationConfig": {"rftConfig": {"graderConfig": grader, "hyperParameters": hyperparameters}},
            **changes,
        }


RIGHTS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "lambda:InvokeFunction")


def make_native(emulator: Any) -> Native:
    number = next(_NUMBERS)
    bucket = f"native-{number}"
    emulator.aws("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": emulator.aws("s3").meta.region_name}
    )
    function = emulator.deploy(f"native-grader-{number}", GRADER)
    native = Native(emulator, bucket, function, "")
    native.role = native.make_role(f"native-role-{number}", RIGHTS)
    return native


@pytest.fixture(scope="session")
def native(emulator: Any) -> Native:
    return make_native(emulator)


@pytest.fixture(scope="session")
def native_of() -> Any:
    """Makes a bucket, role and grader on another emulator."""
    return make_native


@pytest.fixture
def finished(wait_until: Any) -> Any:
    """Waits until a job has ended."""

    def wait(native: Native, job: str) -> Any:
        def ended() -> Any:
            shown = native.bedrock.get_model_customization_job(jobIdentifier=job)
            return shown if shown["status"] not in {"InProgress", "Stopping"} else None

        return wait_until(ended, seconds=120)

    return wait


@pytest.fixture(scope="session")
def trained(native: Native) -> dict[str, Any]:
    """A job that has ended well."""
    import time

    arn = native.bedrock.create_model_customization_job(**native.request())["jobArn"]
    until = time.monotonic() + 120
    while (job := native.bedrock.get_model_customization_job(jobIdentifier=arn))["status"] == "InProgress":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert job["status"] == "Completed", job
    return job
