"""One emulator for the contracts of the object store and the parameter store."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-west-2"


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stores")
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield line.split()[1]
        process.terminate()


@pytest.fixture(scope="session")
def session(emulator_url: str) -> Session:
    def identity() -> boto3.session.Session:
        return boto3.session.Session(
            aws_access_key_id="AKIALOCALEMULATOR001",
            aws_secret_access_key="local-emulator-secret",
            region_name=REGION,
        )

    return Session(ClientConfig(region=REGION, endpoint_url=emulator_url, session_factory=identity))


@pytest.fixture(scope="session")
def bucket(session: Session) -> str:
    session.client("s3").create_bucket(
        Bucket="contract-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return "contract-bucket"
