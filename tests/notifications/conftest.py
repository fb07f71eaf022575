"""A run to tell of, and places of this machine's own that listen: mail, Slack's API, a topic of the emulator's."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import ConnectionLost
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.hooks.gate import GateResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ATTACK = "{{ 7 * 7 }}<script>alert(1)</script>"
GATE = GateResult(
    verdict="promote", summary="promote", reasons=(f"promote (better): {ATTACK}",), pipeline="tutor",
    baseline_model="base", candidate_model="tuned", champion_model="", n_samples=12, n_wins=8, n_losses=2,
    baseline=Estimate(value=0.5, low=0.4, high=0.6, confidence=0.95, n=12, method="t"), candidate=None,
    difference=Estimate(value=0.25, low=0.1, high=0.4, confidence=0.95, n=12, method="t"), p_value=0.01, test="sign-flip",
    alpha=0.05, needs_approval=False, comparison_fingerprint="f",
)  # fmt: skip
JOB = Job(
    job_id="ftjob-1", status="succeeded", model="base", training_data="f", grader_arn="g", created_at=0.0,
    finished_at=60.0, tuned_model="tuned",
)  # fmt: skip


@dataclass
class Training:
    """A job's events; ``failure`` is raised instead."""

    n_steps: int = 40
    failure: Exception | None = None

    training = native_training = property(lambda self: self)

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        assert job_id == "ftjob-1"
        if self.failure:
            raise self.failure
        for step in range(1, self.n_steps + 1):
            metrics = {"critic_rewards_mean": step / self.n_steps}
            yield JobEvent(event_id=str(step), created_at=1.0, level="info", message="", step=step, metrics=metrics)


@pytest.fixture
def training() -> Training:
    return Training()


@pytest.fixture
def unreachable() -> Training:
    return Training(failure=ConnectionLost("No answer from the endpoint.", action="Check the network."))


@pytest.fixture(scope="session")
def dag() -> Any:
    from airflow.sdk import DAG

    from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
    from airflow_provider_bedrock_rft.operators.promotion import BedrockRftPromotionGateOperator

    with DAG("tutor", schedule=None) as dag:
        train = BedrockRftCreateJobOperator(task_id="train", model="base", dataset="f", grader="g")
        BedrockRftPromotionGateOperator(task_id="gate", baseline=train.output, candidate=train.output)
    return dag


@pytest.fixture
def context(dag: Any) -> Callable[..., dict[str, Any]]:
    """What Airflow hands to a callback of the gate's: the DAG, the task instance, and what tasks have handed on."""

    def context(xcoms: Mapping[tuple[str, str], object] | None = None, **fields: object) -> dict[str, Any]:
        known = {
            ("gate", "return_value"): dump(GATE),
            ("train", "return_value"): dump(JOB),
            ("train", "job_id"): JOB.job_id,
            **(xcoms or {}),
        }
        pull = lambda task_ids, key: known.get((task_ids, key))  # noqa: E731
        ti = SimpleNamespace(dag_id="tutor", run_id="manual__1+1", task_id="gate", xcom_pull=pull)
        return {"ti": ti, "dag": dag, **fields}

    return context


@pytest.fixture(autouse=True)
def airflow_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.test/team")


@dataclass
class MailBox:
    """What an SMTP server of this test's own was given."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    box = MailBox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.reply("220 sink")
            while line := self.rfile.readline().strip():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    box.recipients.append(line.decode().partition("<")[2].rstrip(">"))
                if verb == b"DATA":
                    self.reply("354 go on")
                    box.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.reply("221 bye" if verb == b"QUIT" else "250 ok")
                if verb == b"QUIT":
                    return

        def reply(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": box.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_SINK", json.dumps(connection))
        yield box
        server.shutdown()
        thread.join(20)


@dataclass
class SlackSink:
    """What an HTTP server of this test's own was asked in Slack's words."""

    url: str = ""
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)

    def asked(self, method: str) -> dict[str, str]:
        return next(fields for name, fields in self.calls if name == method)


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackSink]:
    sink = SlackSink()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            method = self.path.rpartition("/")[2]
            if method == "upload":
                sink.uploads.append(body)
            else:
                is_json = "json" in self.headers.get("Content-Type", "")
                sink.calls.append((method, json.loads(body) if is_json else dict(parse_qsl(body.decode()))))
            reply = {"ok": True, "file_id": "F1", "upload_url": f"{sink.url}upload", "files": [{"id": "F1"}], "ts": "1"}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        do_GET = do_POST  # noqa: N815 -- the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output is the test's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        sink.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        connection = {"conn_type": "slack", "password": "xoxb-sink", "extra": {"base_url": sink.url}}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_SINK", json.dumps(connection))
        yield sink
        server.shutdown()
        thread.join(20)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator, reached by the connection ``emulator``."""
    folder = tmp_path_factory.mktemp("emulator")
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--port", "0", "--data-dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        url = process.stdout.readline().split()[1]
        connection = {
            "conn_type": "aws",
            "login": "AKIALOCALEMULATOR001",
            "password": "local-emulator-secret",
            "extra": {"region_name": "us-west-2", "endpoint_url": url},
        }
        os.environ["AIRFLOW_CONN_EMULATOR"] = json.dumps(connection)
        yield url
    finally:
        os.environ.pop("AIRFLOW_CONN_EMULATOR", None)
        process.terminate()
        process.wait(20)
