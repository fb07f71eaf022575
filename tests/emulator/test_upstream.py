"""Base models and judges answered by another server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import openai
import pytest
from botocore.exceptions import ClientError

from airflow_provider_bedrock_rft.emulator.upstream import parse_upstream, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKED: Any = [{"role": "user", "content": "What is 2 + 3?"}]
JUDGE = "openai.gpt-oss-120b"


class Server(ThreadingHTTPServer):
    """Answers "from afar"; a message that says ``status N`` gets that status instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.may_end = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        self.server.keys.append(self.headers.get("authorization", ""))
        words = body["messages"][-1]["content"].split()
        if words[0] == "status":
            self._answer(int(words[1]), {"error": {"message": "not today", "code": "some_code"}})
        elif body.get("stream"):
            self._stream(body)
        else:
            usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
            message = {"role": "assistant", "content": "from afar"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            self._answer(200, completion(body, "chat.completion", choices=[choice], usage=usage))

    def _answer(self, status: int, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for text, last in (("from ", None), ("afar", "stop")):
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": last}
            chunk = json.dumps(completion(body, "chat.completion.chunk", choices=[choice]))
            self.wfile.write(f"data: {chunk}\n\n".encode())
            self.wfile.flush()
            self.server.may_end.wait(30)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        return


def completion(body: dict[str, Any], kind: str, **more: object) -> dict[str, object]:
    return {"id": "there-1", "object": kind, "created": 1, "model": body["model"], **more}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    server = Server()
    server.may_end.set()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def forwarding(upstream: Server, tmp_path_factory: pytest.TempPathFactory, emulator: Any) -> Iterator[Any]:
    """An emulator that forwards every base model."""
    process = type(emulator)(tmp_path_factory.mktemp("forwarding"), ("--upstream", upstream.url))
    os.environ["EMULATOR_UPSTREAM_KEY"] = "afar-key"
    try:
        process.start()
    finally:
        del os.environ["EMULATOR_UPSTREAM_KEY"]
    yield process
    process.stop()


def client_of(emulator: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0)


def converse(emulator: Any, text: str) -> Any:
    from botocore.config import Config

    runtime = emulator.aws("bedrock-runtime", config=Config(retries={"total_max_attempts": 1, "mode": "standard"}))
    return runtime.converse(modelId="amazon.nova-pro-v1:0", messages=[{"role": "user", "content": [{"text": text}]}])


def test_chat_is_forwarded_as_it_came(forwarding: Any, upstream: Server) -> None:
    with client_of(forwarding) as client:
        answer = client.chat.completions.create(
            model=JUDGE, messages=ASKED, temperature=0.25, max_tokens=50, response_format={"type": "json_object"}
        )
    assert answer.choices[0].message.content == "from afar"
    assert answer.model == JUDGE
    sent = upstream.bodies[-1]
    assert sent["messages"] == ASKED
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == (JUDGE, 0.25, 50)
    assert sent["response_format"] == {"type": "json_object"}
    assert upstream.keys[-1] == "Bearer afar-key"


def test_a_stream_is_passed_on_as_it_comes(forwarding: Any, upstream: Server) -> None:
    upstream.may_end.clear()
    with client_of(forwarding) as client:
        stream = client.chat.completions.create(model=JUDGE, messages=ASKED, stream=True)
        first = next(iter(stream))  # the other server waits for us before it says more
        upstream.may_end.set()
        rest = list(stream)
    assert [first.choices[0].delta.content, *(chunk.choices[0].delta.content for chunk in rest)] == ["from ", "afar"]
    assert {first.model, *(chunk.model for chunk in rest)} == {JUDGE}


def test_responses_converse_and_invoke_are_forwarded(forwarding: Any, upstream: Server) -> None:
    with client_of(forwarding) as client:
        assert client.responses.create(model=JUDGE, input="What is 2 + 3?").output_text == "from afar"
        streamed = client.responses.create(model=JUDGE, input="What is 2 + 3?", stream=True)
        assert [event.delta for event in streamed if event.type == "response.output_text.delta"] == ["from ", "afar"]
    answer = converse(forwarding, "What is 2 + 3?")
    assert answer["output"]["message"]["content"] == [{"text": "from afar"}]
    assert answer["usage"]["totalTokens"] == 9
    assert upstream.bodies[-1]["model"] == "amazon.nova-pro-v1:0"
    body = {"messages": [{"role": "user", "content": [{"text": "What is 2 + 3?"}]}]}
    runtime = forwarding.aws("bedrock-runtime")
    invoked = runtime.invoke_model(modelId="amazon.nova-pro-v1:0", body=json.dumps(body))
    assert b"from afar" in invoked["body"].read()


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, openai.RateLimitError, "ThrottlingException"),
        (500, openai.InternalServerError, "ServiceUnavailableException"),
        (401, openai.InternalServerError, "ServiceUnavailableException"),
        (400, openai.BadRequestError, "ValidationException"),
        (404, openai.BadRequestError, "ValidationException"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_come_as_the_planes_own(
    forwarding: Any, status: int, kind: type[openai.APIStatusError], code: str, *, stream: bool
) -> None:
    asked: Any = [{"role": "user", "content": f"status {status}"}]
    with client_of(forwarding) as client, pytest.raises(kind, match=r"127\.0\.0\.1: .*not today"):
        client.chat.completions.create(model=JUDGE, messages=asked, stream=stream)
    with pytest.raises(ClientError, match="not today") as caught:
        converse(forwarding, f"status {status}")
    assert caught.value.response["Error"]["Code"] == code


def test_a_server_that_is_not_there_is_told(start_emulator: Any) -> None:
    alone = start_emulator("--upstream", "http://127.0.0.1:9/v1")
    with client_of(alone) as client, pytest.raises(openai.InternalServerError, match="gave no answer"):
        client.chat.completions.create(model=JUDGE, messages=ASKED)
    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        converse(alone, "What is 2 + 3?")


def test_with_a_map_only_what_is_named_is_forwarded(start_emulator: Any, emulator: Any) -> None:
    """The other server is an emulator itself; its model of another name answers."""
    os.environ["EMULATOR_UPSTREAM_KEY"] = emulator.token()
    try:
        front = start_emulator("--upstream", f"{emulator.url}/v1/", "--upstream-model", f"{JUDGE}=qwen.qwen3-32b")
    finally:
        del os.environ["EMULATOR_UPSTREAM_KEY"]
    with client_of(front) as client, client_of(emulator) as behind:
        seeded: Any = {"messages": ASKED, "seed": 5, "temperature": 1.0}
        forwarded = client.chat.completions.create(model=JUDGE, **seeded)
        there = behind.chat.completions.create(model="qwen.qwen3-32b", **seeded)
        assert forwarded.choices == there.choices
        assert forwarded.model == JUDGE
        emulator.control("POST", "faults", {"id": "shut", "path": "^/v1/chat", "status": 500})
        try:
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model=JUDGE, **seeded)
            assert (
                client.chat.completions.create(model="openai.gpt-oss-20b", **seeded).system_fingerprint == "local-sim"
            )
        finally:
            emulator.control("DELETE", "faults/shut")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--upstream", "file:///etc/passwd"], "must be an http or https URL"),
        (["--upstream", "127.0.0.1:11434"], "must be an http or https URL"),
        (["--upstream", "http://127.0.0.1:1/v1", "--upstream-model", "a="], "must be MODEL=MODEL_THERE"),
        (["--upstream-model", "a=b"], "--upstream-model needs --upstream"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--data-dir", str(tmp_path)]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_where_prompts_go_is_said_and_the_key_is_not() -> None:
    settings = parse_upstream("https://models.example.com/v1", (), "s3cr3t")
    assert "models.example.com" in warning(settings)
    assert "s3cr3t" not in repr(settings)
