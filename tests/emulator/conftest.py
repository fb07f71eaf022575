"""The emulator as a process, and what tests say to it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY, SECRET, REGION = "AKIALOCALEMULATOR001", "local-emulator-secret", "us-west-2"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass
class EmulatorProcess:
    folder: Path
    arguments: tuple[str, ...] = ()
    url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> EmulatorProcess:
        command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--data-dir", str(self.folder)]
        self._process = subprocess.Popen([*command, *self.arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line
        self.url = line.split()[1]
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        status = self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status

    def token(self, *, region: str = REGION, key: str = KEY, secret: str = SECRET) -> str:
        from aws_bedrock_token_generator import BedrockTokenGenerator
        from botocore.credentials import Credentials

        return str(BedrockTokenGenerator().get_token(Credentials(key, secret), region))

    def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        if data is not None:
            request.add_header("content-type", "application/json")
        if path.startswith("/v1/") and "authorization" not in (headers or {}):
            request.add_header("authorization", f"Bearer {self.token()}")
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, _parsed(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(error.read())

    def aws(self, service: str, **options: Any) -> Any:
        """A boto3 client of the emulator."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            **options,
        )

    def deploy(self, name: str, source: str) -> str:
        """Publish a function whose ``handler`` is in ``source``; answers the ARN of its version 1."""
        role = self.aws("iam").create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=json.dumps(TRUST))
        arn = self.create_function(name, source, role["Role"]["Arn"])
        version = self.aws("lambda").publish_version(FunctionName=name)["Version"]
        return f"{arn}:{version}"

    def create_function(self, name: str, source: str, role: str) -> str:
        """Create a function of a role that is there; answers its ARN."""
        created = self.aws("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler="grader.handler",
            Code={"ZipFile": zipped(source)},
            Timeout=30,
            MemorySize=512,
        )
        return str(created["FunctionArn"])

    def redeploy(self, name: str, source: str) -> None:
        """Give a function other code."""
        self.aws("lambda").update_function_code(FunctionName=name, ZipFile=zipped(source))

    def control(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.call(method, f"/_emulator/{path}", body)
        assert status == 200, answer
        return answer


def zipped(source: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("grader.py", source)
    return archive.getvalue()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """One emulator for all tests that do not stop it."""
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator") / "data").start()
    yield process
    process.stop()


@pytest.fixture
def order(emulator: EmulatorProcess) -> Iterator[Callable[..., str]]:
    """Orders faults for the test's own paths and takes them back."""
    ordered: list[str] = []

    def order(**rule: Any) -> str:
        ordered.append(emulator.control("POST", "faults", rule)["id"])
        return ordered[-1]

    yield order
    for rule_id in ordered:
        emulator.control("DELETE", f"faults/{rule_id}")


@pytest.fixture
def speaker(tmp_path: Path) -> EmulatorProcess:
    """Speaks to an emulator that the test has started itself, once it is given the address."""
    return EmulatorProcess(tmp_path)


@pytest.fixture
def start_emulator(tmp_path: Path) -> Iterator[Callable[..., EmulatorProcess]]:
    """Starts emulators of the test's own; the same folder unless told otherwise."""
    started: list[EmulatorProcess] = []

    def start(*arguments: str, folder: Path = tmp_path / "data", config: object = None) -> EmulatorProcess:
        if config is not None:
            path = tmp_path / "config.json"
            path.write_text(json.dumps(config))
            arguments = (*arguments, "--config", str(path))
        started.append(EmulatorProcess(folder, arguments).start())
        return started[-1]

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """Asks again and again until the answer is truthy."""

    def wait(ask: Callable[[], Any], *, seconds: float = 60) -> Any:
        until = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < until, "it did not come true in time"
            time.sleep(0.02)
        return answer

    return wait


@pytest.fixture(autouse=True, scope="session")
def _no_pager() -> None:
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
