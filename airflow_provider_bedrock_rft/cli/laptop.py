"""What an account must hold before the first run, made in the emulator of a local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.cli.stack import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Stack
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.clients.session import Session

BUCKET = "bedrock-rft-demo"
DATASET_KEY = "datasets/word_problems.jsonl"
DEFAULT_DATASET = f"s3://{BUCKET}/{DATASET_KEY}"
N_PROBLEMS = 450
SEED = 2026


def emulator_session(stack: Stack) -> Session:
    """A session with the stack's emulator, as the connection would give it."""
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session

    return Session(ClientConfig(region=REGION, endpoint_url=stack.emulator_url, session_factory=_boto3_session))


def prepare_account(stack: Stack) -> None:
    """The bucket that the example DAGs name, with the default dataset in it; what is there already stays."""
    s3 = _boto3_session().client("s3", endpoint_url=stack.emulator_url)
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        lines = generate_problems(N_PROBLEMS, seed=SEED)
        s3.put_object(Bucket=BUCKET, Key=DATASET_KEY, Body="".join(f"{line}\n" for line in lines).encode())


def put_dataset(stack: Stack, path: Path) -> str:
    """Store a dataset in the bucket as it is; returns its URI."""
    key = f"datasets/{path.name}"
    with path.open("rb") as body:
        _boto3_session().client("s3", endpoint_url=stack.emulator_url).put_object(Bucket=BUCKET, Key=key, Body=body)
    return f"s3://{BUCKET}/{key}"


def _boto3_session() -> Any:  # noqa: ANN401 -- boto3 makes its classes at run time
    import boto3

    return boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=REGION,
    )
