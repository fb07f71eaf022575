"""Completions over the lean transport: everything the SDK's own took care of."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.runtime import MantleRuntime
from airflow_provider_bedrock_rft.clients.runtime_http import READ_TIMEOUT_SECONDS, JsonEndpoint
from airflow_provider_bedrock_rft.core import errors
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST = CompletionRequest(model="m", messages=(Message(role="user", content="2+2? \ud83d"),), max_tokens=9)
REPLY = {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}
RESPONSE = {
    "status": "completed",
    "output": [
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "two and two"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "4"}]},
    ],
    "usage": {"input_tokens": 5, "output_tokens": 7},
}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def runtime(url: str, **options: Any) -> MantleRuntime:
    config = ClientConfig(region="us-west-2", endpoint_url=url, **options)
    return MantleRuntime(JsonEndpoint(config, lambda: "token"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, {"error": {"message": "m", "code": "validation_error"}}), errors.RequestRejected),
        ((401, {"error": {"message": "m"}}), errors.InvalidCredentials),
        ((403, {"message": "m"}), errors.AccessDenied),
        ((404, {"error": {"message": "no such model", "code": "model_not_found"}}), errors.ResourceNotFound),
        ((404, {}), errors.UnsupportedOperation),
        ((404, b""), errors.UnsupportedOperation),
        ((404, {"message": "gone"}), errors.ResourceNotFound),
        ((408, {}), errors.ServiceUnavailable),
        ((302, {}), errors.RequestRejected),
        ((429, {"error": {"message": "m"}}), errors.Throttled),
        ((429, b"<html>slow down</html>"), errors.Throttled),
        ((429, {"error": {"message": "m", "code": "insufficient_quota"}}), errors.QuotaExceeded),
        ((500, {"error": None}), errors.ServiceUnavailable),
        ((503, [1]), errors.ServiceUnavailable),
        ((200, None), errors.ConnectionLost),
        ((200, b"<html>"), errors.ServiceUnavailable),
        ((200, []), errors.ServiceUnavailable),
    ],
)
def test_every_bad_answer_is_an_error_of_ours_and_is_asked_for_once(
    stub: Any, patient: Any, answer: tuple[int, Any], expected: type[errors.ServiceError]
) -> None:
    stub.answers = [answer, (200, REPLY)]
    with pytest.raises(errors.ServiceError, match="Ask model m failed") as caught:
        patient.runtime.complete(REQUEST)
    assert type(caught.value) is expected
    assert len(stub.requests) == 1


def test_an_html_error_page_is_shown(stub: Any) -> None:
    stub.answers = [(503, b"<html>maintenance</html>")]
    with pytest.raises(errors.ServiceUnavailable, match=r"503.*maintenance"):
        runtime(stub.url).complete(REQUEST)


class Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(429)
        self.send_header("retry-after", "2.5")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def serving(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def refusing() -> Iterator[str]:
    yield from serving(ThreadingHTTPServer(("127.0.0.1", 0), Refusing))


def test_the_pause_the_service_asks_for_is_passed_on(refusing: str) -> None:
    with pytest.raises(errors.Throttled) as caught:
        runtime(f"http://{refusing}").complete(REQUEST)
    assert caught.value.details["retry_after_seconds"] == 2.5


def test_a_closed_port_was_never_asked(stub: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(errors.ConnectionLost) as caught:
        runtime(f"http://127.0.0.1:{port}").complete(REQUEST)
    assert caught.value.details["request_sent"] is False
    stub.answers = [(200, None)]
    with pytest.raises(errors.ConnectionLost) as caught:
        runtime(stub.url).complete(REQUEST)
    assert caught.value.details["request_sent"] is True


def test_a_reply_that_ends_early_is_a_lost_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"choices"')

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(errors.ConnectionLost):
            runtime(f"http://127.0.0.1:{server.getsockname()[1]}").complete(REQUEST)
        thread.join()


def test_a_long_completion_is_waited_for_whatever_the_timeout_of_small_calls() -> None:
    for configured, expected in ((60.0, READ_TIMEOUT_SECONDS), (900.0, 900.0)):
        config = ClientConfig(region="x", endpoint_url="http://127.0.0.1:1", read_timeout_seconds=configured)
        timeout = JsonEndpoint(config, lambda: "t")._connections.connection_pool_kw["timeout"]
        assert (timeout.read_timeout, timeout.connect_timeout) == (expected, config.connect_timeout_seconds)


def test_a_bearer_token_is_asked_for_with_every_request_and_nothing_else_is_sent(
    stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    tokens = iter(["first", "second"])
    asked = MantleRuntime(JsonEndpoint(ClientConfig(region="x", endpoint_url=stub.url), lambda: next(tokens)))
    stub.answers = [(200, REPLY), (200, REPLY)]
    assert [asked.complete(REQUEST).text for _ in range(2)] == ["4", "4"]
    assert [request.headers["authorization"] for request in stub.requests] == ["Bearer first", "Bearer second"]
    assert not any("openai" in name for name in stub.requests[0].headers)
    assert {request.path for request in stub.requests} == {"/v1/chat/completions"}


def test_many_threads_share_the_connections() -> None:
    opened = []

    class Counting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            opened.append(1)
            super().setup()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    for address in serving(ThreadingHTTPServer(("127.0.0.1", 0), Counting)):
        asked = runtime(f"http://{address}")
        with ThreadPoolExecutor(8) as pool:
            assert len(list(pool.map(asked.complete, [REQUEST] * 200))) == 200
        asked._endpoint.close()
    assert len(opened) <= 8


def test_the_responses_api_is_asked_and_read(stub: Any) -> None:
    stub.answers = [(200, RESPONSE)]
    completion = runtime(stub.url).complete(replace(REQUEST, api="responses", seed=3))
    assert (completion.text, completion.reasoning, completion.finish_reason) == ("4", "two and two", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (5, 7)
    (request,) = stub.requests
    assert request.path == "/v1/responses"
    assert request.json == {
        "model": "m",
        "input": [{"role": "user", "content": "2+2? \ud83d"}],
        "max_output_tokens": 16,
        "temperature": 0.0,
        "store": False,
    }


@pytest.mark.parametrize(
    ("changes", "finish_reason"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_why_a_response_ended_is_told(stub: Any, changes: dict[str, object], finish_reason: str) -> None:
    stub.answers = [(200, RESPONSE | changes)]
    assert runtime(stub.url).complete(replace(REQUEST, api="responses")).finish_reason == finish_reason


def test_a_failed_response_is_no_answer(stub: Any) -> None:
    stub.answers = [(200, {"status": "failed", "output": [], "error": {"message": "it broke"}})]
    with pytest.raises(errors.ServiceUnavailable, match="it broke"):
        runtime(stub.url).complete(replace(REQUEST, api="responses"))


class Proxy(BaseHTTPRequestHandler):
    """Answers for the world: whoever asks it has gone through it."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        self._note()
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"choices": [{"message": {"content": "by proxy"}}]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self._note()
        self.send_error(403)

    def _note(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("proxy-authorization", "")))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    seen: list[tuple[str, str, str]] = []
    handler = type("Handler", (Proxy,), {"seen": seen})
    for address in serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)):
        yield address, seen


def test_the_proxy_of_the_environment_is_used(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = proxy
    monkeypatch.setenv("HTTP_PROXY", f"http://us%65r:secret@{address}")
    assert runtime("http://mantle.invalid").complete(REQUEST).text == "by proxy"
    assert seen == [("POST", "http://mantle.invalid/v1/chat/completions", "Basic dXNlcjpzZWNyZXQ=")]


def test_a_proxy_that_refuses_is_a_lost_connection(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = proxy
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(errors.ConnectionLost, match="403"):
        runtime("https://mantle.invalid").complete(REQUEST)
    assert [(method, path) for method, path, _ in seen] == [("CONNECT", "mantle.invalid:443")]


def test_no_proxy_wins(stub: Any, proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = proxy
    monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
    monkeypatch.setenv("NO_PROXY", "other.example,127.0.0.1")
    stub.answers = [(200, REPLY)]
    assert runtime(stub.url).complete(REQUEST).text == "4"
    assert seen == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its self-signed certificate in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    handler = type("Handler", (Proxy,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    for address in serving(server):
        yield address.replace("127.0.0.1", "localhost")


def test_an_unknown_authority_is_refused(secure: str) -> None:
    with pytest.raises(errors.ConnectionLost, match=r"(?i)certificate"):
        runtime(f"https://{secure}").complete(REQUEST)


def test_the_bundle_of_the_connection_is_trusted(secure: str, certificate: Path) -> None:
    assert runtime(f"https://{secure}", verify=str(certificate)).complete(REQUEST).text == "by proxy"
    with pytest.raises(errors.ConnectionLost, match=r"(?i)hostname|doesn't match|not valid"):
        runtime(f"https://{secure}".replace("localhost", "127.0.0.1"), verify=str(certificate)).complete(REQUEST)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_bundle_of_the_environment_is_trusted(
    secure: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    assert runtime(f"https://{secure}").complete(REQUEST).text == "by proxy"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_turned_off(secure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert runtime(f"https://{secure}", verify=False).complete(REQUEST).text == "by proxy"
