"""Every kind of fault, on every plane that it can happen on."""

from __future__ import annotations

import uuid
from statistics import median
from typing import TYPE_CHECKING, Any

import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock, skewed
from airflow_provider_bedrock_rft.emulator.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
GRADER = "def handler(e, c):\n    return [{'id': s['id'], 'aggregate_reward_score': 0} for s in e]\n"


@pytest.fixture
def client(emulator: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0) as client:
        yield client


HARMLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "bedrock": ("list_foundation_models", {}),
    "bedrock-runtime": (
        "converse",
        {"modelId": "amazon.nova-pro-v1:0", "messages": [{"role": "user", "content": [{"text": "hi"}]}]},
    ),
    "s3": ("list_buckets", {}),
    "iam": ("list_roles", {}),
    "lambda": ("list_functions", {}),
    "ssm": ("describe_parameters", {}),
}


def ask(emulator: Any, service: str) -> Any:
    """One harmless request to a service."""
    name, parameters = HARMLESS[service]
    return getattr(emulator.aws(service, config=ONCE), name)(**parameters)


@pytest.mark.parametrize(
    ("service", "path", "status", "code"),
    [
        ("bedrock", "^/foundation-models", 429, "ThrottlingException"),
        ("bedrock", "^/foundation-models", 503, "ServiceUnavailableException"),
        ("bedrock-runtime", "/converse$", 429, "ThrottlingException"),
        ("s3", "^/$", 503, "ServiceUnavailable"),
        ("s3", "^/$", 500, "InternalError"),
        ("iam", "^/$", 429, "Throttling"),
        ("iam", "^/$", 500, "InternalFailure"),
        ("lambda", "^/2015", 429, "ThrottlingException"),
        ("ssm", "^/$", 503, "ServiceUnavailableException"),
    ],
)
def test_errors_are_in_the_words_of_the_service(
    emulator: Any, order: Callable[..., str], service: str, path: str, status: int, code: str
) -> None:
    order(path=path, status=status, message="It is a fault.", times=1)
    with pytest.raises(ClientError, match=r"It is a fault\.") as caught:
        ask(emulator, service)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert ask(emulator, service)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("bedrock", "ExpiredTokenException"),
        ("bedrock-runtime", "ExpiredTokenException"),
        ("s3", "ExpiredToken"),
        ("iam", "ExpiredToken"),
        ("lambda", "ExpiredTokenException"),
        ("ssm", "ExpiredTokenException"),
    ],
)
def test_credentials_expire(emulator: Any, order: Callable[..., str], service: str, code: str) -> None:
    order(expired=True, times=1)
    with pytest.raises(ClientError, match="expired") as caught:
        ask(emulator, service)
    assert caught.value.response["Error"]["Code"] == code
    assert ask(emulator, service)


def test_bearer_tokens_expire(client: openai.OpenAI, order: Callable[..., str]) -> None:
    order(path="/v1/models$", expired=True, times=1)
    with pytest.raises(openai.AuthenticationError, match="expired"):
        client.models.list()
    assert client.models.list().data


@pytest.mark.parametrize("service", ["bedrock", "s3", "iam"])
@pytest.mark.parametrize("seconds", [-1_200, 1_200])
def test_a_clock_that_is_far_off_refuses_signatures(
    emulator: Any, order: Callable[..., str], service: str, seconds: float
) -> None:
    order(skew_seconds=seconds, times=1)
    code = {"bedrock": "InvalidSignatureException", "s3": "RequestTimeTooSkewed", "iam": "SignatureDoesNotMatch"}
    with pytest.raises(ClientError) as caught:
        ask(emulator, service)
    assert caught.value.response["Error"]["Code"] == code[service]
    assert ask(emulator, service)


def test_a_clock_that_is_far_off_refuses_bearer_tokens(client: openai.OpenAI, order: Callable[..., str]) -> None:
    assert client.models.list().data
    order(path="/v1/models$", skew_seconds=-1_200, times=1)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_clock_that_is_a_little_off_dates_what_is_made(client: openai.OpenAI, order: Callable[..., str]) -> None:
    order(path="/v1/files$", method="POST", skew_seconds=-300, times=1)
    first = client.files.create(file=("skewed.jsonl", b"{}"), purpose="user_data")
    second = client.files.create(file=("straight.jsonl", b"{}"), purpose="user_data")
    assert 240 <= second.created_at - first.created_at <= 360


def test_a_skew_ends_with_the_request_it_was_ordered_for() -> None:
    clock = EmulatorClock(wall=lambda: 1_000.0, monotonic=lambda: 0.0)
    with skewed(-100):
        assert clock.now() == 900.0
    assert clock.now() == 1_000.0


def test_latencies_have_the_distribution_that_was_ordered() -> None:
    def draw(latency: object) -> list[float]:
        faults = Faults(EmulatorClock(), 7, [{"latency_seconds": latency}])
        return sorted(faults.latency(faults.rules[0]) for _ in range(4_000))

    drawn = draw({"median": 0.2, "p99": 2.0})
    assert 0.18 < median(drawn) < 0.22
    assert 1.6 < drawn[int(0.99 * len(drawn))] < 2.5
    assert drawn == draw({"median": 0.2, "p99": 2.0})
    assert set(draw(3)) == {3.0}
    uniform = draw([1, 2])
    assert uniform[0] >= 1.0
    assert uniform[-1] <= 2.0


@pytest.mark.parametrize(("service", "path"), [("bedrock", "^/foundation"), ("s3", "^/$"), ("lambda", "^/2015")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_break_on_every_plane(
    emulator: Any, order: Callable[..., str], service: str, path: str, when: str
) -> None:
    order(path=path, reset=when, times=1)
    with pytest.raises(HTTPClientError):
        ask(emulator, service)
    assert ask(emulator, service)


def test_a_native_request_can_order_its_own_fault(emulator: Any) -> None:
    def add(request: Any, **_: object) -> None:
        request.headers["x-emulator-fault"] = "status=429; message=not now"

    aws = emulator.aws("bedrock", config=ONCE)
    aws.meta.events.register("before-sign.bedrock.*", add)
    with pytest.raises(ClientError, match="not now"):
        aws.list_custom_models()
    aws.meta.events.unregister("before-sign.bedrock.*", add)
    assert "modelSummaries" in aws.list_custom_models()


def test_a_role_is_not_known_at_once(emulator: Any, order: Callable[..., str]) -> None:
    rule = order(role_delay_seconds=1_000)
    name = f"newborn-{uuid.uuid4().hex[:8]}"
    with pytest.raises(ClientError, match="cannot be assumed by Lambda") as caught:
        emulator.deploy(name, GRADER)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    emulator.control("POST", "clock", {"advance_seconds": 2_000})
    role = emulator.aws("iam").get_role(RoleName=f"{name}-role")["Role"]["Arn"]
    assert emulator.aws("lambda").list_functions()
    made = emulator.create_function(name, GRADER, role)
    assert made.endswith(f":{name}")
    log = [item for item in emulator.control("GET", "faults/log")["taken"] if item["rule"] == rule]
    assert [item["where"] for item in log] == [role]


def test_a_version_is_not_known_at_once(emulator: Any, client: openai.OpenAI, order: Callable[..., str]) -> None:
    order(version_delay_seconds=1_000)
    name = f"newborn-{uuid.uuid4().hex[:8]}"
    arn = emulator.deploy(name, GRADER)
    functions = emulator.aws("lambda", config=ONCE)
    for hidden, parameters in (
        ("get_function_configuration", {"FunctionName": name, "Qualifier": "1"}),
        ("invoke", {"FunctionName": arn, "Payload": b"[]"}),
        ("create_alias", {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(functions, hidden)(**parameters)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    file = client.files.create(file=("newborn.jsonl", b"{}"), purpose="fine-tune")
    grader = {"type": "lambda", "lambda": {"function": arn}}
    body = {"method": {"type": "reinforcement", "reinforcement": {"grader": grader}}}
    with pytest.raises(openai.BadRequestError, match="does not exist"):
        client.fine_tuning.jobs.create(model="openai.gpt-oss-20b", training_file=file.id, extra_body=body)
    emulator.control("POST", "clock", {"advance_seconds": 2_000})
    assert functions.get_function_configuration(FunctionName=name, Qualifier="1")["Version"] == "1"
    assert client.fine_tuning.jobs.create(model="openai.gpt-oss-20b", training_file=file.id, extra_body=body).id


def test_a_function_fails_on_order(emulator: Any, order: Callable[..., str]) -> None:
    name = f"failing-{uuid.uuid4().hex[:8]}"
    arn = emulator.deploy(name, GRADER)
    order(path="/invocations$", function_error="out of luck", times=1)
    functions = emulator.aws("lambda")
    answer = functions.invoke(FunctionName=arn, Payload=b"[]")
    assert answer["FunctionError"] == "Unhandled"
    assert b"out of luck" in answer["Payload"].read()
    assert "FunctionError" not in functions.invoke(FunctionName=arn, Payload=b"[]")


def test_rules_from_a_file_and_the_log_outlive_a_kill(start_emulator: Any) -> None:
    rule = {"id": "no models", "path": "/v1/models$", "status": 503}
    first = start_emulator(config={"faults": [rule]})
    assert first.call("GET", "/v1/models")[0] == 503
    first.kill()
    second = start_emulator(config={"faults": [rule]})
    assert [item["id"] for item in second.control("GET", "faults")["rules"]] == ["no models"]
    assert second.call("GET", "/v1/models")[0] == 503
    log = second.control("GET", "faults/log")["taken"]
    assert [(item["number"], item["rule"], item["where"]) for item in log] == [
        (1, "no models", "GET /v1/models"),
        (2, "no models", "GET /v1/models"),
    ]


def test_files_can_be_listed_late(client: openai.OpenAI, order: Callable[..., str]) -> None:
    file = client.files.create(file=("late.jsonl", b"{}"), purpose="user_data")
    order(path="/v1/files$", method="GET", stale_seconds=3_600, times=1)
    assert file.id not in {item.id for item in client.files.list(purpose="user_data").data}
    assert file.id in {item.id for item in client.files.list(purpose="user_data").data}
