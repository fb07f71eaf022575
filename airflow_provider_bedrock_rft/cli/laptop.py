"""What an account must hold before the first run, made in the emulator of a local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.stack import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Stack

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.clients.session import Session

BUCKET = "bedrock-rft-demo"


def emulator_session(stack: Stack) -> Session:
    """A session with the stack's emulator, as the connection would give it."""
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session

    config = ClientConfig(
        region=REGION,
        endpoint_url=stack.emulator_url,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
    )
    return Session(config)


def prepare_buckets(stack: Stack) -> None:
    """The bucket the example DAGs name, with the default dataset in it."""


def put_dataset(stack: Stack, path: Path) -> str:
    """Store a dataset in the bucket; returns its URI."""
    uri = f"s3://{BUCKET}/datasets/{path.name}"
    emulator_session(stack).objects.put(uri, path)
    return uri
