from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stub:
    """An HTTP server that says what it is told: pairs of status and body (``None`` drops the connection)."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, object]] = field(default_factory=list)
    answer: Callable[[Request], tuple[int, object]] | None = None


@pytest.fixture
def stub() -> Iterator[Stub]:
    state = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self._body()
            request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            state.requests.append(request)
            status, said = state.answer(request) if state.answer else state.answers.pop(0)
            if said is None:
                self.close_connection = True
                return
            raw = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def boto_session(**options: Any) -> boto3.session.Session:
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "region_name": "us-west-2"}
    return boto3.session.Session(**{**keys, **options})


@pytest.fixture
def session(stub: Stub) -> Session:
    config = ClientConfig(region="us-west-2", endpoint_url=stub.url, max_retries=0, session_factory=boto_session)
    return Session(config)


@pytest.fixture
def patient(stub: Stub) -> Session:
    config = ClientConfig(region="us-west-2", endpoint_url=stub.url, max_retries=2, session_factory=boto_session)
    return Session(config)
