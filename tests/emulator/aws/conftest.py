"""The AWS plane in a process of its own, and boto3 clients for it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SERVE = Path(__file__).with_name("serve.py")


class Served:
    """A plane that can be killed and started again on the same folder."""

    def __init__(self, root: Path, settle_seconds: float = 0.0) -> None:
        self.root = root
        self.settle_seconds = settle_seconds
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "host-secret", "HOST_TOKEN": "host-token"}
        command = [sys.executable, str(_SERVE), str(self.root), str(self.settle_seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready "), "the plane did not start"
        self.url = line.split()[1]

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def restart(self) -> None:
        self.stop(signal.SIGKILL)
        self.start()

    def client(
        self,
        service: str,
        *,
        key: str = "AKIALOCALEMULATOR001",
        secret: str = "local-emulator-secret",
        token: str | None = None,
        region: str = "us-west-2",
        **settings: Any,
    ) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, **settings),
        )

    def role(self, name: str = "grader") -> str:
        """The ARN of a role that Lambda and the account may assume."""
        principal = {"Service": "lambda.amazonaws.com", "AWS": "123456789012"}
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
        }
        iam = self.client("iam")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        return f"arn:aws:iam::123456789012:role/{name}"

    def add_function(self, name: str, code: bytes, **settings: Any) -> Any:
        """A published function with one handler, ``main.handler``."""
        settings = {"Runtime": "python3.11", "Handler": "main.handler", "Publish": True} | settings
        return self.client("lambda").create_function(
            FunctionName=name, Role=self.role(), Code={"ZipFile": code}, **settings
        )


@pytest.fixture(scope="session")
def plane() -> Iterator[Served]:
    """One plane for all tests that name their resources differently."""
    with tempfile.TemporaryDirectory() as root:
        served = Served(Path(root))
        served.start()
        yield served
        served.stop()


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[Served]:
    """A plane that a test may kill."""
    served = Served(tmp_path)
    served.start()
    yield served
    served.stop(signal.SIGKILL)


@pytest.fixture
def slow_plane(tmp_path: Path) -> Iterator[Served]:
    """A plane whose functions do not come to rest within a test."""
    served = Served(tmp_path, settle_seconds=1e6)
    served.start()
    yield served
    served.stop(signal.SIGKILL)


@pytest.fixture
def zipped() -> Callable[[Mapping[str, str]], bytes]:
    def pack(files: Mapping[str, str]) -> bytes:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        return sink.getvalue()

    return pack
