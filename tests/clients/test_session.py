from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.tokens import RENEW_AFTER_SECONDS, BearerTokens
from airflow_provider_bedrock_rft.core.errors import InvalidCredentials
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ClientConfig(region="us-west-2"), "https://bedrock-mantle.us-west-2.api.aws/v1"),
        (ClientConfig(region="us-west-2", endpoint_url="http://127.0.0.1:1/"), "http://127.0.0.1:1/v1"),
        (ClientConfig(region="us-west-2", endpoint_url="http://127.0.0.1:1/v1"), "http://127.0.0.1:1/v1"),
        (
            ClientConfig(
                region="x", endpoint_url="http://a", service_endpoints={"bedrock-mantle": "https://b.vpce.example"}
            ),
            "https://b.vpce.example/v1",
        ),
    ],
)
def test_mantle_answers_below_v1(config: ClientConfig, expected: str) -> None:
    assert config.mantle_base_url == expected


def test_one_services_endpoint_wins_over_the_common_one() -> None:
    config = ClientConfig(region="x", endpoint_url="http://a", service_endpoints={"s3": "http://s3"})
    assert (config.endpoint_for("s3"), config.endpoint_for("ssm")) == ("http://s3", "http://a")
    assert ClientConfig(region="x").endpoint_for("s3") is None


def test_every_client_is_built_once_whatever_the_number_of_threads() -> None:
    built: list[str] = []
    overlapping = threading.Semaphore(1)

    class Boto:
        def client(self, service: str, **_: Any) -> object:
            assert overlapping.acquire(blocking=False), "boto3 builds one client at a time"
            built.append(service)
            overlapping.release()
            return object()

    session = Session(ClientConfig(region="x", session_factory=Boto))
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda n: session.client(("s3", "ssm")[n % 2]), range(200)))
    assert len(made) == 2
    assert sorted(built) == ["s3", "ssm"]


def test_lambda_may_take_its_time() -> None:
    session = Session(ClientConfig(region="us-west-2", session_factory=_keys))
    assert session.functions is session.functions
    assert session.client("lambda", read_timeout_seconds=910.0).meta.config.read_timeout == 910.0


def test_a_botocore_config_of_the_connection_wins() -> None:
    from botocore.config import Config

    session = Session(ClientConfig(region="us-west-2", session_factory=_keys, botocore_config=Config(read_timeout=5)))
    assert session.client("s3").meta.config.read_timeout == 5


def test_a_profile_that_does_not_exist_is_a_matter_of_credentials() -> None:
    session = Session(ClientConfig(region="x", session_factory=lambda: boto3.session.Session(profile_name="nobody")))
    with pytest.raises(InvalidCredentials, match="nobody"):
        session.client("s3")


@dataclass(frozen=True)
class Frozen:
    access_key: str
    secret_key: str = "s"
    token: str | None = None


class Renewing:
    """Credentials that change, as those of a role do."""

    def __init__(self) -> None:
        self.access_key = "AKIA1"
        self.fails: Exception | None = None

    def get_credentials(self) -> Renewing:
        return self

    def get_frozen_credentials(self) -> Frozen:
        if self.fails:
            raise self.fails
        return Frozen(self.access_key)


def _tokens(credentials: Renewing, now: list[float]) -> BearerTokens:
    return BearerTokens(credentials, "us-west-2", monotonic=lambda: now[0])


def test_a_token_is_kept_for_a_while_and_renewed_early() -> None:
    now = [0.0]
    tokens = _tokens(Renewing(), now)
    minted: list[str] = []
    for now[0] in (0.0, RENEW_AFTER_SECONDS - 1):
        minted.append(tokens.current())
    assert minted[0] == minted[1]
    assert "bedrock-api-key-" in minted[0]
    tokens._minted = tokens._minted and (tokens._minted[0], tokens._minted[1], "old")
    now[0] = RENEW_AFTER_SECONDS
    assert tokens.current() != "old"


def test_a_token_does_not_outlive_its_credentials() -> None:
    credentials = Renewing()
    tokens = _tokens(credentials, [0.0])
    first = tokens.current()
    credentials.access_key = "AKIA2"
    assert tokens.current() != first


def test_credentials_that_cannot_be_renewed_are_said_to_be() -> None:
    from botocore.exceptions import CredentialRetrievalError

    credentials = Renewing()
    credentials.fails = CredentialRetrievalError(provider="assume-role", error_msg="expired")
    with pytest.raises(InvalidCredentials, match="assume-role"):
        _tokens(credentials, [0.0]).current()


REQUEST = CompletionRequest(model="m", messages=(Message(role="user", content="2+2?"),), seed=7)


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "4", "reasoning": "two and two"}, "4", "two and two"),
        ({"content": None, "reasoning": "still thinking"}, "", "still thinking"),
        ({"content": "4", "reasoning_content": "r"}, "4", "r"),
        ({"content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]}, "42", ""),
        ({}, "", ""),
    ],
)
def test_completions_are_read_whatever_their_shape(
    stub: Any, session: Session, message: dict[str, object], text: str, reasoning: str
) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 9}
    stub.answers = [(200, {"choices": [{"message": message, "finish_reason": "length"}], "usage": usage})]
    completion = session.runtime.complete(REQUEST)
    assert (completion.text, completion.reasoning, completion.finish_reason) == (text, reasoning, "length")
    assert (completion.prompt_tokens, completion.completion_tokens) == (5, 9)
    assert completion.latency_ms > 0
    assert stub.requests[0].json == {
        "model": "m",
        "messages": [{"role": "user", "content": "2+2?"}],
        "max_tokens": 2048,
        "temperature": 0.0,
        "seed": 7,
    }


def test_a_seed_is_sent_only_when_given(stub: Any, session: Session) -> None:
    from dataclasses import replace

    stub.answers = [(200, {"choices": []})]
    assert session.runtime.complete(replace(REQUEST, seed=None)).text == ""
    assert "seed" not in stub.requests[0].json


def _keys() -> boto3.session.Session:
    return boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")


_: Callable[[], object] = _keys
