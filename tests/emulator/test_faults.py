from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT: Any = [{"role": "user", "content": "What is 2 + 3?"}]


@pytest.fixture
def client(emulator: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0) as client:
        yield client


def taken(emulator: Any, rule_id: str) -> list[dict[str, Any]]:
    return [item for item in emulator.control("GET", "faults/log")["taken"] if item["rule"] == rule_id]


def test_throttles_come_as_often_as_ordered_and_the_sdk_gets_over_them(emulator: Any, order: Any) -> None:
    rule = order(path="/v1/models$", status=429, times=2, headers={"retry-after-ms": "1"}, code="throttled")
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=2) as client:
        assert client.models.list().data
    log = taken(emulator, rule)
    assert [(item["what"], item["where"]) for item in log] == [("status=429", "GET /v1/models")] * 2


def test_an_injected_error_has_the_services_form(client: openai.OpenAI, order: Any) -> None:
    order(path="/v1/models$", status=503, message="Too busy.", times=1)
    with pytest.raises(openai.InternalServerError, match=r"Too busy\.") as caught:
        client.models.list()
    assert caught.value.request_id
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "server_error"


def test_latency_makes_a_client_give_up(client: openai.OpenAI, order: Any) -> None:
    order(path="/v1/models$", latency_seconds=20, times=1)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.2).models.list()
    assert client.models.list().data


def test_a_reset_before_acceptance_leaves_nothing_behind(client: openai.OpenAI, order: Any) -> None:
    order(path="/v1/files$", method="POST", reset="before", times=1)
    with pytest.raises(openai.APIConnectionError):
        client.files.create(file=("reset-before.jsonl", b"{}"), purpose="user_data")
    assert "reset-before.jsonl" not in {file.filename for file in client.files.list(purpose="user_data")}


def test_a_reply_dropped_after_acceptance_leaves_the_file(client: openai.OpenAI, order: Any) -> None:
    order(path="/v1/files$", method="POST", reset="after", times=1)
    with pytest.raises(openai.APIConnectionError):
        client.files.create(file=("reset-after.jsonl", b"{}"), purpose="user_data")
    assert [file.filename for file in client.files.list(purpose="user_data")].count("reset-after.jsonl") == 1


def test_one_request_can_order_its_own_fault(emulator: Any, client: openai.OpenAI) -> None:
    for value in ("status=418; message=short and stout", '{"status": 418, "message": "short and stout"}'):
        with pytest.raises(openai.APIStatusError, match="short and stout") as caught:
            client.with_options(default_headers={"x-emulator-fault": value}).models.list()
        assert caught.value.status_code == 418
    assert client.models.list().data
    assert taken(emulator, "x-emulator-fault")


def test_a_header_that_cannot_be_read_is_told(emulator: Any) -> None:
    for value in ("nonsense", "{", "colour=blue", "status=9999"):
        status, answer = emulator.call("GET", "/v1/models", headers={"x-emulator-fault": value})
        assert status == 400
        assert answer["message"]


def test_a_stream_breaks_where_it_was_told_to(client: openai.OpenAI, order: Any) -> None:
    order(path="/v1/chat", cut_after=2, times=1)
    n_chunks = 0
    with pytest.raises((openai.APIConnectionError, Exception)) as caught:  # noqa: PT012
        for _ in client.chat.completions.create(model="openai.gpt-oss-20b", messages=PROMPT, stream=True):
            n_chunks += 1
    assert "Assertion" not in type(caught.value).__name__
    assert n_chunks <= 2


def test_rules_skip_and_count_and_can_be_taken_back(emulator: Any) -> None:
    rule = emulator.control("POST", "faults", {"path": "/v1/data_retention$", "status": 500, "skip": 1})
    ask = [emulator.call("GET", "/v1/data_retention")[0] for _ in range(3)]
    assert ask == [200, 500, 500]
    assert rule["id"] in {item["id"] for item in emulator.control("GET", "faults")["rules"]}
    assert emulator.control("DELETE", f"faults/{rule['id']}") == {"deleted": True}
    assert emulator.call("GET", "/v1/data_retention")[0] == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"status": "x"},
        {"colour": 1},
        {"path": "("},
        [],
        {"status": 99},
        {"path": "/v1/"},
        {"latency_seconds": {"median": 2, "p99": 1}},
    ],
)
def test_rules_that_make_no_sense_are_refused(emulator: Any, rule: Any) -> None:
    status, answer = emulator.call("POST", "/_emulator/faults", rule)
    assert status == 400
    assert answer["message"]


def test_aws_requests_are_disturbed_in_their_own_words(emulator: Any, order: Any) -> None:
    from botocore.config import Config
    from botocore.exceptions import ClientError

    parameters = emulator.aws("ssm", config=Config(retries={"total_max_attempts": 1, "mode": "standard"}))
    order(path="^/$", status=400, code="ThrottlingException", message="Rate exceeded", times=1)
    with pytest.raises(ClientError, match="ThrottlingException"):
        parameters.describe_parameters()
    assert parameters.describe_parameters()["Parameters"] == []


def test_a_seeded_rule_strikes_the_same_requests_every_time(start_emulator: Any, tmp_path: Any) -> None:
    rule = {"path": "/v1/models$", "status": 500, "probability": 0.5}

    def strikes(name: str) -> list[int]:
        emulator = start_emulator("--seed", "5", folder=tmp_path / name, config={"faults": [rule]})
        return [emulator.call("GET", "/v1/models")[0] for _ in range(24)]

    first = strikes("a")
    assert first == strikes("b")
    assert set(first) == {200, 500}


def test_listings_can_be_stale_while_retrieval_is_not(emulator: Any, order: Any, client: openai.OpenAI) -> None:
    job_id = submit(emulator, client, "stale")
    order(path="/v1/fine_tuning/jobs$", method="GET", stale_seconds=3600)
    assert job_id not in {job.id for job in client.fine_tuning.jobs.list(limit=100).data}
    assert client.fine_tuning.jobs.retrieve(job_id).id == job_id


def submit(emulator: Any, client: openai.OpenAI, name: str) -> str:
    function = emulator.deploy(
        name, "def handler(e, c):\n    return [{'id': s['id'], 'aggregate_reward_score': 0} for s in e]\n"
    )
    line = json.dumps({"messages": PROMPT, "reference_answer": "5"})
    file = client.files.create(file=("t.jsonl", "\n".join([line] * 100).encode()), purpose="fine-tune")
    grader = {"type": "lambda", "lambda": {"function": function}}
    return client.fine_tuning.jobs.create(
        model="openai.gpt-oss-20b",
        training_file=file.id,
        extra_body={"method": {"type": "reinforcement", "reinforcement": {"grader": grader}}},
    ).id
