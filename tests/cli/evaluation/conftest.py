"""An emulator with a deployed grader and a bucket, for commands that talk to services."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest

from airflow_provider_bedrock_rft.cli import main
from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION, MODEL, KEYS = "us-west-2", "openai.gpt-oss-20b", ("AKIALOCALEMULATOR001", "local-emulator-secret")
GRADER = """
def grade(sample):
    return 1.0 if str(sample.reference) in sample.completion else 0.0
"""


@dataclass(frozen=True)
class Place:
    """Where commands go."""

    url: str
    grader: str
    session: Session
    bucket: str = "cli-evaluation"
    model: str = MODEL

    def options(self, folder: str) -> list[str]:
        return [
            "--grader",
            self.grader,
            "--artifacts",
            f"s3://{self.bucket}/{folder}",
            "--endpoint-url",
            self.url,
        ]


@pytest.fixture(scope="session")
def emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("emulator")
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield line.split()[1]
        process.terminate()


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def place(emulator_url: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    identity = boto3.session.Session(*KEYS, region_name=REGION)
    session = Session(ClientConfig(region=REGION, endpoint_url=emulator_url, session_factory=lambda: identity))
    session.client("s3").create_bucket(Bucket=Place.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    path: Path = tmp_path_factory.mktemp("grader") / "grader.py"
    path.write_text(GRADER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
        assert (
            main(["grader", "deploy", f"{path}:grade", "--function-name", "cli-eval", "--endpoint-url", emulator_url])
            == 0
        )
    versions = list(session.functions.versions("cli-eval"))
    return Place(url=emulator_url, grader=versions[-1].arn, session=session)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    import json

    path = tmp_path / "dataset.jsonl"
    with path.open("w") as stream:
        for i in range(40):
            question = f"A box holds {i + 2} pens. How many pens are in {i % 7 + 2} boxes?"
            line = {
                "id": f"q{i:03}",
                "messages": [{"role": "user", "content": question}],
                "reference_answer": str((i + 2) * (i % 7 + 2)),
                "kind": "even" if i % 2 else "odd",
            }
            stream.write(json.dumps(line) + "\n")
    return path
