"""Mantle over a server that says what it is told: odd replies, odd pages, lost connections."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.core.errors import (
    ConnectionLost,
    InvalidCredentials,
    InvalidJobSpec,
    RequestRejected,
    ResourceNotFound,
    ServiceUnavailable,
    UnsupportedOperation,
)
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters

if TYPE_CHECKING:
    from pathlib import Path

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:grader:3"
SPEC = JobSpec(
    model="openai.gpt-oss-20b",
    training_data="file-1",
    grader_arn=GRADER,
    hyperparameters=RftHyperparameters(n_epochs=2, batch_size=4, extra={"eval_samples": 8}),
)


def job(**changes: Any) -> dict[str, Any]:
    hyperparameters = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.0}
    reinforcement = {"grader": {"type": "lambda", "lambda": {"function": GRADER}}, "hyperparameters": hyperparameters}
    return {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "created_at": 1793100100,
        "finished_at": None,
        "model": "openai.gpt-oss-20b",
        "fine_tuned_model": None,
        "status": "running",
        "training_file": "file-1",
        "error": None,
        "hyperparameters": hyperparameters,
        "method": {"type": "reinforcement", "reinforcement": reinforcement},
    } | changes


def test_a_job_is_created_with_the_documented_request(stub: Any, session: Session) -> None:
    stub.answers = [(200, job())]
    created = session.training.create_job(SPEC, token="t")
    (request,) = stub.requests
    assert (request.method, request.path) == ("POST", "/v1/fine_tuning/jobs")
    assert request.json == {
        "model": "openai.gpt-oss-20b",
        "training_file": "file-1",
        "method": {
            "type": "reinforcement",
            "reinforcement": {
                "grader": {"type": "lambda", "lambda": {"function": GRADER}},
                "hyperparameters": {"n_epochs": 2, "batch_size": 4, "eval_samples": 8},
            },
        },
    }
    assert created.grader_arn == GRADER
    assert created.hyperparameters["learning_rate_multiplier"] == 1.0


def test_a_hyperparameter_that_mantle_has_not_is_refused_and_not_dropped(stub: Any, session: Session) -> None:
    spec = replace(SPEC, hyperparameters=RftHyperparameters(samples_per_prompt=4, max_prompt_tokens=9))
    with pytest.raises(InvalidJobSpec, match="no hyper-parameter max_prompt_tokens, samples_per_prompt"):
        session.training.create_job(spec, token="t")
    assert stub.requests == []


def test_the_token_is_sent_only_when_asked_for(stub: Any, session: Session) -> None:
    stub.answers = [(200, job(metadata={"rft_intent": "t"}))]
    created = Session(replace(session.config, identify_jobs=True)).training.create_job(SPEC, token="t")
    assert stub.requests[0].json["metadata"] == {"rft_intent": "t"}
    assert created.token == "t"


@pytest.mark.parametrize("answer", [(500, {"error": {"message": "m"}}), (429, {}), (200, None), (408, {}), (409, {})])
def test_a_create_is_never_repeated(stub: Any, patient: Session, answer: tuple[int, Any]) -> None:
    stub.answers = [answer, (200, job())]
    with pytest.raises(Exception, match="Create a fine-tuning job"):
        patient.training.create_job(SPEC, token="t")
    assert len(stub.requests) == 1


def test_an_upload_is_never_repeated(stub: Any, patient: Session, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text("{}\n")
    stub.answers = [(503, {}), (200, {"id": "file-1"})]
    with pytest.raises(ServiceUnavailable):
        patient.training.upload_file(tmp_path / "d.jsonl", name="rft-1.jsonl")
    assert len(stub.requests) == 1


def test_reads_are_repeated(stub: Any, patient: Session) -> None:
    stub.answers = [(503, {}), (200, None), (200, job())]
    assert patient.training.get_job("ftjob-1").status == "running"
    assert len(stub.requests) == 3


def test_a_dropped_reply_is_a_lost_connection_that_may_have_been_carried_out(stub: Any, session: Session) -> None:
    stub.answers = [(200, None)]
    with pytest.raises(ConnectionLost) as caught:
        session.training.create_job(SPEC, token="t")
    assert caught.value.details["request_sent"] is True


def test_an_upload_is_streamed_under_the_given_name(stub: Any, session: Session, tmp_path: Path) -> None:
    content = b'{"messages": []}\n' * 50_000
    (tmp_path / "d.jsonl").write_bytes(content)
    stub.answers = [(200, {"id": "file-1", "filename": "rft-1.jsonl", "bytes": len(content), "created_at": 7})]
    stored = session.training.upload_file(tmp_path / "d.jsonl", name="rft-1.jsonl")
    assert (stored.file_id, stored.size_bytes, stored.created_at) == ("file-1", len(content), 7.0)
    body = stub.requests[0].body
    assert content in body
    assert b'filename="rft-1.jsonl"' in body
    assert b"fine-tune" in body


def test_every_request_carries_a_bearer_token_of_the_sessions_credentials(
    stub: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-env")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-env")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-the-environment")
    stub.answers = [(200, job())]
    session.training.get_job("ftjob-1")
    headers = stub.requests[0].headers
    scheme, token = headers["authorization"].split()
    assert scheme == "Bearer"
    presigned = base64.b64decode(token.removeprefix("bedrock-api-key-")).decode()
    assert "X-Amz-Credential=AKIDEXAMPLE%2F" in presigned
    assert "%2Fus-west-2%2Fbedrock%2Faws4_request" in presigned
    assert "openai-organization" not in headers
    assert "openai-project" not in headers


def test_pages_are_followed_by_cursor(stub: Any, session: Session) -> None:
    first, second = [{"id": f"ckpt-{n}", "step_number": n, "fine_tuned_model_checkpoint": f"m{n}"} for n in (20, 40)]
    stub.answers = [(200, {"data": [first], "has_more": True}), (200, {"data": [second], "has_more": False})]
    checkpoints = list(session.training.list_checkpoints("ftjob-1"))
    assert [(c.step, c.model, c.job_id) for c in checkpoints] == [(20, "m20", "ftjob-1"), (40, "m40", "ftjob-1")]
    assert "after=ckpt-20" in stub.requests[1].path


@pytest.mark.parametrize("page", [{"data": [], "has_more": True}, {"data": None}, {}])
def test_an_empty_page_ends_the_listing(stub: Any, session: Session, page: dict[str, Any]) -> None:
    stub.answers = [(200, page)]
    assert list(session.training.list_events("ftjob-1")) == []


def test_a_cursor_that_repeats_ends_the_listing(stub: Any, session: Session) -> None:
    stub.answer = lambda _: (200, {"data": [{"id": "e1"}], "has_more": True})
    assert [event.event_id for event in session.training.list_events("j")] == ["e1", "e1"]


def test_old_pages_of_jobs_are_not_read(stub: Any, session: Session) -> None:
    pages = [
        {"data": [job(id="a", created_at=300), job(id="b", created_at=100)], "has_more": True},
        {"data": [job(id="c", created_at=50)], "has_more": True},
    ]
    stub.answers = [(200, page) for page in pages]
    assert [j.job_id for j in session.training.list_jobs(created_after=200)] == ["a"]
    assert len(stub.requests) == 2


def test_events_keep_finite_numbers_and_their_step(stub: Any, session: Session) -> None:
    data = {"step": 12, "total_steps": 67, "critic_rewards_mean": 0.5, "actor_entropy": None, "note": "x", "new": 3}
    raw = b'{"data": [{"id": "e1", "created_at": 5, "data": {"step": 1, "actor_grad_norm": NaN, "x": Infinity}}]}'
    stub.answers = [
        (200, {"data": [{"id": "e", "created_at": 5, "level": "warn", "message": "m", "data": data}]}),
        (200, raw),
    ]
    (event,) = session.training.list_events("j")
    assert (event.step, event.total_steps, event.level) == (12, 67, "warn")
    assert event.metrics == {"critic_rewards_mean": 0.5, "new": 3.0}
    (odd,) = session.training.list_events("j")
    assert (odd.step, odd.metrics) == (1, {})


def test_a_file_is_found_by_name_the_newest_that_is_whole(stub: Any, session: Session) -> None:
    files = [
        {"id": "1", "filename": "a", "created_at": 1, "status": "processed"},
        {"id": "2", "filename": "a", "created_at": 2, "status": "uploaded"},
        {"id": "3", "filename": "a", "created_at": 3, "status": "error"},
        {"id": "4", "filename": "b", "created_at": 4, "status": "processed"},
    ]
    stub.answer = lambda _: (200, {"data": files})
    found = session.training.find_file(name="a")
    assert found
    assert found.file_id == "2"
    assert session.training.find_file(name="c") is None


def test_deleting_and_cancelling_what_is_over_is_no_error(stub: Any, session: Session) -> None:
    stub.answers = [(404, {"error": {"message": "gone"}})]
    session.training.delete_file("file-1")
    for status in (400, 409):
        stub.answers = [(status, {"error": {"message": "has ended"}}), (200, job(status="succeeded"))]
        session.training.cancel_job("ftjob-1")
        assert stub.answers == []


def test_a_refused_cancellation_of_a_running_job_is_an_error(stub: Any, session: Session) -> None:
    stub.answers = [(400, {"error": {"message": "not now"}}), (200, job())]
    with pytest.raises(RequestRejected, match="not now"):
        session.training.cancel_job("ftjob-1")


def test_ids_are_quoted(stub: Any, session: Session) -> None:
    stub.answers = [(404, {"error": {"message": "no"}})]
    with pytest.raises(ResourceNotFound):
        session.training.get_job("../files")
    assert stub.requests[0].path == "/v1/fine_tuning/jobs/..%2Ffiles"


def test_an_endpoint_without_mantle_is_told_apart_from_a_missing_job(stub: Any, session: Session) -> None:
    stub.answers = [(404, {})]
    with pytest.raises(UnsupportedOperation, match="endpoint"):
        session.training.get_job("ftjob-1")


@pytest.mark.parametrize("reply", [{"unexpected": True}, [], "text", b"<html>", b"", {"id": "x", "created_at": "soon"}])
def test_a_reply_that_is_no_job_is_an_error_of_ours(stub: Any, session: Session, reply: Any) -> None:
    stub.answers = [(200, reply)]
    with pytest.raises(ServiceUnavailable, match="Get job ftjob-1"):
        session.training.get_job("ftjob-1")


def test_nothing_listening_names_the_endpoint() -> None:
    from airflow_provider_bedrock_rft.clients.config import ClientConfig as Config

    config = Config(region="us-west-2", endpoint_url="http://127.0.0.1:9", max_retries=0, session_factory=_keys)
    with pytest.raises(ConnectionLost, match=r"http://127\.0\.0\.1:9/v1/fine_tuning/jobs/x") as caught:
        Session(config).training.get_job("x")
    assert caught.value.details["request_sent"] is False


def test_no_credentials_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    session = Session(ClientConfig(region="us-west-2", endpoint_url="http://127.0.0.1:9", max_retries=0))
    with pytest.raises(InvalidCredentials, match="No AWS credentials were found"):
        session.training.get_job("x")
    with pytest.raises(InvalidCredentials, match="Unable to locate credentials"):
        session.parameters.get("/x")


def _keys() -> Any:
    import boto3

    return boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-west-2")
