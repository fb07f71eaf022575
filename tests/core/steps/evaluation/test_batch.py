"""Big sets are asked in batch: ordered once, collected by whoever comes, and never paid twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.errors import (
    BudgetExceeded,
    InvalidPayload,
    JobFailure,
    ServiceUnavailable,
    UnknownStatus,
)
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob, BatchOrder, may_ask_in_batch
from airflow_provider_bedrock_rft.core.evaluation.cost import Price
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.ports import Completion
from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess
from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model, load_completions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.ports import CompletionRequest

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:grader:3"
MODEL = "amazon.nova-2-lite-v1:0"
CUSTOM = "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-2-lite-v1:0:256k/ghijkl123456"
ROLE = "arn:aws:iam::123456789012:role/batch"
N = 120
SETTINGS = EvaluationSettings(completions_per_sample=6, batch_role_arn=ROLE, batch_from=100, max_tokens=50)


@dataclass
class FakeBatch:
    """Batch inference in memory: idempotent by token, strict about names, done after some looks."""

    objects: Any
    n_looks: int = 2
    end: str = "Completed"
    unanswered: set[str] = field(default_factory=set)
    jobs: dict[str, BatchOrder] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)

    def questions(self, asks: Sequence[tuple[str, CompletionRequest]]) -> bytes:
        return json.dumps([[name, request.messages[-1].content] for name, request in asks]).encode()

    def create(self, order: BatchOrder) -> BatchJob:
        made = {one.token: name for name, one in self.jobs.items()}
        if order.token not in made:
            assert order.name not in {one.name for one in self.jobs.values()}
            made[order.token] = f"job-{len(self.jobs) + 1}"
            self.jobs[made[order.token]] = order
            self.asked[made[order.token]] = [text for _, text in json.loads(self.objects.get(order.input_uri))]
        if self.failures:
            raise self.failures.pop()
        return BatchJob(job_id=made[order.token], status="Submitted")

    def get(self, job_id: str) -> BatchJob:
        self.looks[job_id] = self.looks.get(job_id, 0) + 1
        is_done = self.looks[job_id] > self.n_looks
        return BatchJob(job_id=job_id, status=self.end if is_done else "InProgress", message="the role may not read")

    def answers(self, order: BatchOrder, job_id: str) -> Iterator[tuple[str, Completion]]:
        assert self.jobs[job_id] == order
        for name, text in json.loads(self.objects.get(order.input_uri)):
            if name not in self.unanswered:
                yield name, Completion(text=f"{text}!", prompt_tokens=5, completion_tokens=3)


@pytest.fixture
def batch(objects: Any) -> FakeBatch:
    return FakeBatch(objects)


@pytest.fixture
def evaluate(
    model: Any, grader: Any, objects: Any, records: Any, clock: Any, batch: FakeBatch
) -> Callable[..., EvaluationRun]:
    def run(
        settings: EvaluationSettings = SETTINGS,
        model_id: str = MODEL,
        wait: Callable[[float, BatchJob], None] | None = None,
        n_records: int = 20,
    ) -> EvaluationRun:
        return evaluate_model(
            model,
            grader,
            objects,
            model=model_id,
            grader_arn=GRADER,
            records=records[:n_records],
            artifacts_uri="s3://bucket/artifacts",
            clock=clock,
            settings=settings,
            batch=BatchAccess(service=batch, wait=wait),
        )

    return run


def n_asked(model: Any) -> int:
    return sum(model.asked.values())


def test_many_answers_are_ordered_at_once_after_the_first_few_were_graded(
    evaluate: Any, model: Any, batch: FakeBatch, objects: Any, clock: Any
) -> None:
    started_at = clock.now()
    run = evaluate(replace(SETTINGS, batch_from=90))
    assert n_asked(model) == N  # 4 samples first: 96 of the rest are fewer than a job may have
    run = evaluate(replace(SETTINGS, seed=1, completions_per_sample=7))
    assert n_asked(model) == N + 4 * 7
    assert [len(texts) for texts in batch.asked.values()] == [16 * 7]
    assert run.n_requests == 20 * 7
    assert clock.now() - started_at == 120.0
    in_batch = [one for one in load_completions(objects, run) if not one.latency_ms]
    assert len(in_batch) == 16 * 7
    assert {one.completion for one in in_batch} == {f"question {'x' * i}!" for i in range(4, 20)}
    assert run.median_latency_ms == 7.0
    assert [sample.latency_ms for sample in run.scores] == [7.0] * 4 + [None] * 16


def test_a_custom_model_is_asked_in_batch_only(evaluate: Any, model: Any, batch: FakeBatch) -> None:
    run = evaluate(model_id=CUSTOM)
    assert n_asked(model) == 0
    assert (run.n_samples, run.median_latency_ms) == (20, 0.0)
    assert [order.model for order in batch.jobs.values()] == [CUSTOM]


@pytest.mark.parametrize(
    ("model_id", "changes"),
    [
        (MODEL, {"batch_from": 10_000}),
        (MODEL, {"batch_role_arn": ""}),
        ("openai.gpt-oss-20b", {}),
        (CUSTOM.replace("custom-model/", "custom-model-deployment/"), {}),
        (CUSTOM.replace("custom-model/", "provisioned-model/"), {}),
    ],
)
def test_few_answers_and_other_models_are_asked_one_by_one(
    evaluate: Any, model: Any, batch: FakeBatch, model_id: str, changes: dict[str, Any]
) -> None:
    evaluate(replace(SETTINGS, **changes), model_id=model_id)
    assert n_asked(model) == N
    assert batch.jobs == {}


class Killed(BaseException):
    """The worker is gone."""


def kill(_seconds: float, _job: BatchJob) -> None:
    raise Killed


def test_a_killed_worker_leaves_an_order_that_the_next_collects(evaluate: Any, batch: FakeBatch) -> None:
    with pytest.raises(Killed):
        evaluate(model_id=CUSTOM, wait=kill)
    assert len(batch.jobs) == 1
    run = evaluate(model_id=CUSTOM)
    assert run.n_requests == 0
    assert len(batch.jobs) == 1
    assert evaluate(model_id=CUSTOM).n_requests == 0
    assert batch.looks == {"job-1": 3}, "an order that was collected is not looked at again"


def test_another_set_of_records_collects_what_was_ordered_first(evaluate: Any, batch: FakeBatch) -> None:
    with pytest.raises(Killed):
        evaluate(model_id=CUSTOM, wait=kill, n_records=18)
    with pytest.raises(Killed):
        evaluate(model_id=CUSTOM, wait=kill)
    assert [len(texts) for texts in batch.asked.values()] == [108]
    settings = replace(SETTINGS, completions_per_sample=12)
    evaluate(settings, model_id=CUSTOM)
    assert [len(texts) for texts in batch.asked.values()] == [108, 132]


def test_a_lost_reply_to_the_creation_makes_no_second_job(evaluate: Any, batch: FakeBatch) -> None:
    batch.failures = [ServiceUnavailable("the reply was lost")]
    with pytest.raises(ServiceUnavailable):
        evaluate(model_id=CUSTOM)
    evaluate(model_id=CUSTOM)
    assert len(batch.jobs) == 1


def test_records_that_were_not_answered_are_asked_one_by_one(evaluate: Any, model: Any, batch: FakeBatch) -> None:
    batch.unanswered = {"00000000003", "00000000007"}
    batch.end = "PartiallyCompleted"
    settings = replace(SETTINGS, completions_per_sample=7)
    assert evaluate(settings).n_samples == 20
    assert n_asked(model) == 4 * 7 + 2


def test_a_failed_job_is_named_and_ordered_again_under_another_name(evaluate: Any, batch: FakeBatch) -> None:
    batch.end = "Failed"
    with pytest.raises(JobFailure, match=r"job-1.*the role may not read"):
        evaluate(model_id=CUSTOM)
    batch.end = "Completed"
    assert evaluate(model_id=CUSTOM).n_samples == 20
    first, second = batch.jobs.values()
    assert first.name != second.name
    assert first.token != second.token


def test_an_unknown_status_is_no_success(evaluate: Any, batch: FakeBatch) -> None:
    batch.end = "Archived"
    with pytest.raises(UnknownStatus, match="Archived"):
        evaluate(model_id=CUSTOM)


def test_an_order_that_cannot_be_read_is_named(evaluate: Any, objects: Any) -> None:
    with pytest.raises(Killed):
        evaluate(model_id=CUSTOM, wait=kill)
    (uri,) = [uri for uri in objects.stored if uri.endswith("/order.json")]
    objects.stored[uri] = b"{"
    with pytest.raises(InvalidPayload, match=r"order\.json"):
        evaluate(model_id=CUSTOM)


PRICE = Price(prompt=1_000_000.0, completion=1_000_000.0)  # a token costs 1


def test_a_batch_that_may_cost_too_much_is_not_ordered(evaluate: Any, batch: FakeBatch) -> None:
    with pytest.raises(BudgetExceeded):
        evaluate(replace(SETTINGS, price=PRICE, max_cost=1000.0), model_id=CUSTOM)
    assert batch.jobs == {}
    run = evaluate(replace(SETTINGS, price=PRICE, max_cost=1e6), model_id=CUSTOM)
    assert run.cost == N * 8 * 0.5


def test_money_stops_the_run_and_a_larger_budget_pays_only_for_what_is_missing(evaluate: Any, model: Any) -> None:
    settings = replace(SETTINGS, batch_role_arn="", price=PRICE, max_cost=1000.0, max_concurrency=4)
    with pytest.raises(BudgetExceeded, match="max_cost"):
        evaluate(settings)
    n_before = n_asked(model)
    assert 0 < n_before < N
    with pytest.raises(BudgetExceeded):
        evaluate(settings)
    assert n_asked(model) - n_before <= 1, "what is stored already is counted: a retry has no budget of its own"
    run = evaluate(replace(settings, max_cost=10_000.0))
    assert n_asked(model) == N
    assert run.cost == N * 8.0


def test_which_models_batch_inference_serves() -> None:
    served = [MODEL, "us.amazon.nova-2-lite-v1:0", CUSTOM, "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova"]
    assert all(map(may_ask_in_batch, served))
    assert not any(map(may_ask_in_batch, ["openai.gpt-oss-20b", "ft:abc", CUSTOM.replace("custom", "imported")]))
