"""Resources for an examination, so that there is something to be shown, listed, changed and deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.auth import Caller
from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest
from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, encode

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.conformance.examination import Handle

_ACCOUNT = "123456789012"
_BUCKET = "specimens"
_BASE = "amazon.nova-2-lite-v1:0:256k"
_GRADER = f"arn:aws:lambda:us-west-2:{_ACCOUNT}:function:specimen"
_JOB: Json = {
    "jobName": "furniture",
    "customModelName": "from-a-job",
    "roleArn": f"arn:aws:iam::{_ACCOUNT}:role/nobody",
    "baseModelIdentifier": _BASE,
    "customizationType": "REINFORCEMENT_FINE_TUNING",
    "trainingDataConfig": {"s3Uri": f"s3://{_BUCKET}/key"},
    "outputDataConfig": {"s3Uri": f"s3://{_BUCKET}/out"},
    "customizationConfig": {"rftConfig": {"graderConfig": {"lambdaGrader": {"lambdaArn": _GRADER}}}},
}
_DATASET: Json = {"name": "specimen", "datasetLocation": {"s3Uri": f"s3://{_BUCKET}/key"}}
_EVALUATION: Json = {
    "jobName": "furniture",
    "roleArn": f"arn:aws:iam::{_ACCOUNT}:role/nobody",
    "evaluationConfig": {
        "automated": {
            "datasetMetricConfigs": [
                {"taskType": "Generation", "dataset": _DATASET, "metricNames": ["Builtin.Accuracy"]},
            ]
        }
    },
    "inferenceConfig": {"models": [{"precomputedInferenceSource": {"inferenceSourceIdentifier": "specimen"}}]},
    "outputDataConfig": {"s3Uri": f"s3://{_BUCKET}/out"},
}


class CannotFurnish(Exception):
    """A resource that an examination needs could not be made."""


async def furnish(aws: AwsPlane, handle: Handle) -> tuple[str, ...]:
    """Make a bucket, a model, a deployment, Provisioned Throughput and jobs that fail; answers their names."""
    await aws.answer(_bucket_request(), _caller())
    await aws.write_object(_ACCOUNT, _BUCKET, "key", b"specimen")
    source = {"s3DataSource": {"s3Uri": f"s3://{_BUCKET}/key"}}
    model = await _make(handle, "/custom-models/create-custom-model", modelName="furniture", modelSourceConfig=source)
    deployment = await _make(
        handle, "/model-customization/custom-model-deployments", modelDeploymentName="furniture", modelArn=model
    )
    throughput = await _make(
        handle, "/provisioned-model-throughput", provisionedModelName="furniture", modelUnits=1, modelId=_BASE
    )
    job = await _make(handle, "/model-customization-jobs", **_JOB)
    evaluation = await _make(handle, "/evaluation-jobs", **_EVALUATION)
    return model, deployment, throughput, job, evaluation, _BUCKET, "Builtin.Accuracy"


async def _make(handle: Handle, path: str, **body: object) -> str:
    """The ARN of what was made."""
    answer = await handle(
        Request(
            method="POST",
            path=path,
            query={},
            headers={},
            body=encode(body),
            account=_ACCOUNT,
            region="us-west-2",
            id="furniture",
        )
    )
    if not isinstance(answer, Reply) or answer.status >= 400:
        raise CannotFurnish(f"{path}: {answer}")
    return str(next(iter(json.loads(answer.body).values())))


def _bucket_request() -> AwsRequest:
    return AwsRequest(method="PUT", raw_path=f"/{_BUCKET}", query="", headers=(("host", "127.0.0.1"),), body=b"")


def _caller() -> Caller:
    return Caller(
        account=_ACCOUNT,
        region="us-east-1",
        access_key_id="EXAMINER",
        principal_arn=f"arn:aws:iam::{_ACCOUNT}:root",
        service="s3",
        user_id=_ACCOUNT,
    )
