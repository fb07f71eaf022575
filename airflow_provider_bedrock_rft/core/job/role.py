"""The role of a native job: what it may do is what the job will really read, write and call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn, S3Uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec

TRAINING_SERVICE = "bedrock.amazonaws.com"


def training_role_policy(spec: JobSpec) -> Mapping[str, object]:
    """What the job's role may do: read the folders of its data, write its output, call this version of the grader.

    Folders, not objects: datasets are named by their content, and a role per dataset would soon use up an account's.

    Raises:
        InvalidIdentifier: A place of the job is no S3 URI, or its grader no Lambda ARN.
    """
    grader = LambdaArn.parse(spec.grader_arn)
    partition = grader.part("partition")
    output = S3Uri.parse(spec.output_s3_uri)
    inputs = list(dict.fromkeys(_inputs(spec)))
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [_objects(place, partition) for place in inputs]},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [_objects(output, partition)]},
        *(_listing(place, partition) for place in dict.fromkeys([*inputs, output])),
        {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [str(grader)]},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def training_role_name(policy: Mapping[str, object]) -> str:
    """One role per policy: what a running job may do never changes under it."""
    return f"rft-job-{fingerprint(policy)[:20]}"


def _inputs(spec: JobSpec) -> list[S3Uri]:
    logs = spec.invocation_logs
    source = S3Uri.parse(logs.s3_uri) if logs else _folder(S3Uri.parse(spec.training_data))
    return [source, *([_folder(S3Uri.parse(spec.validation_data))] if spec.validation_data else [])]


def _listing(place: S3Uri, partition: str) -> Mapping[str, object]:
    bucket = f"arn:{partition}:s3:::{place.bucket}"
    statement: dict[str, object] = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket]}
    key = place.key.rstrip("/")
    return statement | ({"Condition": {"StringLike": {"s3:prefix": [key, f"{key}/*"]}}} if key else {})


def _objects(place: S3Uri, partition: str) -> str:
    key = place.key.rstrip("/")
    return f"arn:{partition}:s3:::{place.bucket}/{key}/*" if key else f"arn:{partition}:s3:::{place.bucket}/*"


def _folder(place: S3Uri) -> S3Uri:
    folder = place.key.rpartition("/")[0]
    return S3Uri.parse(f"s3://{place.bucket}/{folder}".rstrip("/"))
