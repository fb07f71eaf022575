"""Fetching what a job is given, in the name of its role: every right that it lacks fails it with the action's name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.training_data import records_in_logs, within_length
from airflow_provider_bedrock_rft.emulator.training.state import JobFailure

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.aws.service_role import ServiceRole
    from airflow_provider_bedrock_rft.emulator.exchange import Json

SERVICE = "bedrock.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobData:
    """JSON lines to train on, and to validate with if any were given."""

    training: bytes
    validation: bytes | None


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket and what stands behind it."""

    bucket: str
    key: str

    def below(self, key: str) -> S3Place:
        """A key below this prefix."""
        prefix = self.key.rstrip("/")
        return S3Place(self.bucket, f"{prefix}/{key}" if prefix else key)

    @property
    def arn(self) -> str:
        """The ARN that policies name it by."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def place_of(uri: str) -> S3Place:
    """The place that an S3 URI names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Place(bucket, key)


async def fetch(plane: AwsPlane, job: Json, *, account: str) -> JobData:
    """What the job trains on.

    Raises:
        JobFailure: something is not there; AccessRefused: the role may not do what the job needs.
    """
    role = plane.assume(job["roleArn"], service=SERVICE, account=account, source_arn=job["jobArn"])
    grader = job["customizationConfig"]["rftConfig"]["graderConfig"]["lambdaGrader"]["lambdaArn"]
    role.require("lambda:InvokeFunction", grader)
    output = place_of(job["outputDataConfig"]["s3Uri"])
    role.require("s3:PutObject", output.below(f"model-customization-job-{job['jobId']}/").arn)
    if not plane.has_bucket(account, output.bucket):
        raise JobFailure("output", f"The bucket {output.bucket} of the output location does not exist.")
    return await asyncio.to_thread(_read, plane, role, job, account)


def _read(plane: AwsPlane, role: ServiceRole, job: Json, account: str) -> JobData:
    longest = job["customizationConfig"]["rftConfig"].get("hyperParameters", {}).get("maxPromptLength")
    validators = job["validationDataConfig"]["validators"]
    validation = [_object(plane, role, place_of(item["s3Uri"]), account) for item in validators]
    source = job["trainingDataConfig"]
    if logs := source.get("invocationLogsConfig"):
        training = _logs(plane, role, logs, account)
    else:
        training = _object(plane, role, place_of(source["s3Uri"]), account)
    return JobData(
        training=within_length(training, longest),
        validation=within_length(b"\n".join(validation), longest) if validation else None,
    )


def _logs(plane: AwsPlane, role: ServiceRole, logs: Json, account: str) -> bytes:
    place = place_of(logs["invocationLogSource"]["s3Uri"])
    role.require("s3:ListBucket", f"arn:aws:s3:::{place.bucket}", **{"s3:prefix": place.key})
    keys = plane.list_objects(account, place.bucket, place.key)
    if not keys:
        raise JobFailure("input", f"There are no invocation logs below s3://{place.bucket}/{place.key}.")
    bodies = (_object(plane, role, S3Place(place.bucket, key), account) for key in keys)
    return records_in_logs(
        bodies, logs.get("requestMetadataFilters"), with_responses=logs.get("usePromptResponse", False)
    )


def _object(plane: AwsPlane, role: ServiceRole, place: S3Place, account: str) -> bytes:
    role.require("s3:GetObject", place.arn)
    body = plane.read_object(account, place.bucket, place.key)
    if body is None:
        raise JobFailure("input", f"The object s3://{place.bucket}/{place.key} does not exist.")
    return body
