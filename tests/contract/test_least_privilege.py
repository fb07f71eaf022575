"""Two witnesses: what our permissions allow is what the emulator, which knows nothing of them, asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.permissions import PipelineNeeds, pipeline_statements, policy_document
from airflow_provider_bedrock_rft.emulator.aws import policies
from airflow_provider_bedrock_rft.emulator.exchange import Request
from airflow_provider_bedrock_rft.emulator.permission import Need, mantle_needs, native_needs

ACCOUNT, REGION = "123456789012", "us-west-2"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:maths:3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
JOB = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-customization-job/amazon.nova-2-lite-v1:0/abcdefghijkl"
MODEL = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model/amazon.nova-2-lite-v1:0/abcdefghijkl"
DEPLOYMENT = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model-deployment/abcdefghijkl"
NEEDS = PipelineNeeds(
    account=ACCOUNT, region=REGION, functions=["maths"], planes=["mantle", "native"], job_roles=[ROLE], cleans_up=True
)
GRADER = {"type": "lambda", "lambda": {"function": FUNCTION}}
MANTLE_JOB = {"model": "openai.gpt-oss-20b", "method": {"type": "reinforcement", "reinforcement": {"grader": GRADER}}}
NATIVE_JOB = {
    "jobName": "job",
    "customModelName": "model",
    "roleArn": ROLE,
    "baseModelIdentifier": "amazon.nova-2-lite-v1:0:256k",
    "customizationType": "REINFORCEMENT_FINE_TUNING",
    "trainingDataConfig": {"s3Uri": "s3://bucket/train.jsonl"},
    "outputDataConfig": {"s3Uri": "s3://bucket/out"},
    "customizationConfig": {"rftConfig": {"graderConfig": {"lambdaGrader": {"lambdaArn": FUNCTION}}}},
}
CHAT = {"messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}]}


@dataclass
class Holder:
    """Whoever has the policy that ``bedrock-rft permissions`` prints."""

    policies: dict[str, str]
    managed_policies: dict[str, Any] = field(default_factory=dict)


HOLDER = Holder({"it": json.dumps(policy_document(pipeline_statements(NEEDS)))})


def request(method: str, path: str, body: object = None) -> Request:
    return Request(
        method=method,
        path=path,
        query={},
        headers={"authorization": "Bearer key"},
        body=b"" if body is None else json.dumps(body).encode(),
        account=ACCOUNT,
        region=REGION,
        id="r",
    )


def lacking(needs: list[Need]) -> list[Need]:
    assert needs, "the emulator knows the request"
    return [need for need in needs if not policies.allows([HOLDER], need.action, need.resource, need.context)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "files", None),
        ("GET", "files", None),
        ("GET", "files/file-1", None),
        ("DELETE", "files/file-1", None),
        ("POST", "fine_tuning/jobs", MANTLE_JOB),
        ("GET", "fine_tuning/jobs", None),
        ("GET", "fine_tuning/jobs/ftjob-1", None),
        ("GET", "fine_tuning/jobs/ftjob-1/events", None),
        ("GET", "fine_tuning/jobs/ftjob-1/checkpoints", None),
        ("POST", "fine_tuning/jobs/ftjob-1/cancel", None),
        ("POST", "chat/completions", {"model": "ft:openai.gpt-oss-20b:x"}),
        ("POST", "responses", {"model": "openai.gpt-oss-20b"}),
    ],
)
def test_what_a_pipeline_does_on_mantle_is_allowed(method: str, path: str, body: object) -> None:
    assert lacking(list(mantle_needs(request(method, f"/v1/{path}", body)))) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/model-customization-jobs", NATIVE_JOB),
        ("POST", "/model-customization-jobs", {**NATIVE_JOB, "baseModelIdentifier": MODEL}),
        ("GET", "/model-customization-jobs", None),
        ("GET", "/model-customization-jobs/job", None),
        ("GET", f"/model-customization-jobs/{JOB.replace('/', '%2F')}", None),
        ("POST", f"/model-customization-jobs/{JOB.replace('/', '%2F')}/stop", None),
        ("POST", "/model-customization/custom-model-deployments", {"modelDeploymentName": "d", "modelArn": MODEL}),
        ("GET", "/model-customization/custom-model-deployments", None),
        ("GET", f"/model-customization/custom-model-deployments/{DEPLOYMENT.replace('/', '%2F')}", None),
        ("DELETE", f"/model-customization/custom-model-deployments/{DEPLOYMENT.replace('/', '%2F')}", None),
        ("DELETE", f"/custom-models/{MODEL.replace('/', '%2F')}", None),
        ("POST", "/model/amazon.nova-2-lite-v1%3A0/converse", CHAT),
        ("POST", "/model/us.amazon.nova-2-lite-v1%3A0/converse", CHAT),
        ("POST", f"/model/{DEPLOYMENT.replace('/', '%2F')}/converse", CHAT),
    ],
)
def test_what_a_pipeline_does_natively_is_allowed(method: str, path: str, body: object) -> None:
    assert lacking(list(native_needs(request(method, path, body)))) == []


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/evaluation-jobs", "bedrock:ListEvaluationJobs"),
        ("DELETE", "/logging/modelinvocations", "bedrock:DeleteModelInvocationLoggingConfiguration"),
        ("POST", "/model/amazon.nova-2-lite-v1%3A0/converse-stream", "bedrock:InvokeModelWithResponseStream"),
    ],
)
def test_what_no_pipeline_does_is_not(method: str, path: str, action: str) -> None:
    body = CHAT if method == "POST" else None
    assert [need.action for need in lacking(list(native_needs(request(method, path, body))))] == [action]
