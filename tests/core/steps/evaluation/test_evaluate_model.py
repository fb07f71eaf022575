from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import (
    BudgetExceeded,
    ConnectionLost,
    GraderFailure,
    InvalidGrader,
    InvalidInput,
    InvalidScores,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.ports import Completion
from airflow_provider_bedrock_rft.core.steps.evaluation import (
    compare_runs,
    evaluate_model,
    load_completions,
    load_scores,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.ports import CompletionRequest
    from tests.core.steps.evaluation.conftest import FakeClock, FakeGrader, FakeModel, FakeObjects

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:grader:3"
URI = "s3://bucket/artifacts"


class Evaluate(Protocol):
    def __call__(
        self,
        settings: EvaluationSettings | None = None,
        *,
        records: list[Record] | None = None,
        model_id: str = "base",
        grader_arn: str = GRADER,
        on_progress: Callable[[int, int], None] = ...,
    ) -> EvaluationRun: ...


@pytest.fixture
def evaluate(
    model: FakeModel, grader: FakeGrader, objects: FakeObjects, records: list[Record], clock: FakeClock
) -> Evaluate:
    given = records

    def run(
        settings: EvaluationSettings | None = None,
        *,
        records: list[Record] | None = None,
        model_id: str = "base",
        grader_arn: str = GRADER,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> EvaluationRun:
        return evaluate_model(
            model,
            grader,
            objects,
            model=model_id,
            grader_arn=grader_arn,
            records=given if records is None else records,
            artifacts_uri=URI,
            clock=clock,
            settings=settings,
            on_progress=on_progress,
        )

    return run


def test_every_sample_is_asked_once_and_graded(evaluate: Evaluate, model: FakeModel, records: list[Record]) -> None:
    run = evaluate()
    assert run.n_samples == 20
    assert run.n_requests == 20
    assert set(model.asked.values()) == {1}
    assert run.completion_tokens == 60
    assert [sample.sample_id for sample in run.scores] == [record.record_id for record in records]
    assert run.mean is not None
    assert run.mean.value == pytest.approx(0.5)


def test_the_payload_survives_the_way_through_xcom(evaluate: Evaluate) -> None:
    run = evaluate()
    assert codec.load(EvaluationRun, codec.dump(run)) == run


def test_a_second_run_asks_nothing(evaluate: Evaluate, model: FakeModel, grader: FakeGrader) -> None:
    first = evaluate()
    n_invocations = len(grader.invocations)
    second = evaluate()
    assert second == replace(first, n_requests=0)
    assert sum(model.asked.values()) == 20
    assert len(grader.invocations) == n_invocations


def test_a_run_that_died_half_way_pays_only_for_what_is_missing(evaluate: Evaluate, model: FakeModel) -> None:
    answer = model.answer
    n_answered = 0

    def dying(request: CompletionRequest) -> Completion:
        nonlocal n_answered
        n_answered += 1
        if n_answered > 11:
            raise RequestRejected("no")
        return answer(request)

    model.answer = dying
    with pytest.raises(RequestRejected):
        evaluate(EvaluationSettings(max_concurrency=1))
    n_before = sum(model.asked.values())
    assert n_before == 12
    model.answer = answer
    run = evaluate(EvaluationSettings(max_concurrency=1))
    assert run.n_requests == 20 - 11
    assert sum(model.asked.values()) == 12 + 9


def test_several_completions_have_seeds_of_their_own_and_a_temperature(evaluate: Evaluate, model: FakeModel) -> None:
    run = evaluate(EvaluationSettings(completions_per_sample=4))
    assert run.n_requests == 80
    assert len({request.seed for request in model.requests}) == 80
    assert {request.temperature for request in model.requests} == {0.7}
    assert all(len(sample.scores) == 4 for sample in run.scores)


def test_one_completion_is_greedy(evaluate: Evaluate, model: FakeModel) -> None:
    evaluate()
    assert {request.temperature for request in model.requests} == {0.0}


def test_more_completions_later_reuse_the_first_ones(evaluate: Evaluate) -> None:
    settings = EvaluationSettings(completions_per_sample=2, temperature=1.0)
    evaluate(settings)
    run = evaluate(replace(settings, completions_per_sample=3))
    assert run.n_requests == 20


def test_another_way_of_asking_asks_anew(evaluate: Evaluate, model: FakeModel) -> None:
    evaluate()
    assert evaluate(EvaluationSettings(api="responses")).n_requests == 20
    assert {request.api for request in model.requests} == {"chat", "responses"}
    with pytest.raises(InvalidInput, match="one of chat, responses"):
        EvaluationSettings(api="completions")


def test_another_seed_asks_anew(evaluate: Evaluate) -> None:
    evaluate()
    assert evaluate(EvaluationSettings(seed=1)).n_requests == 20


def test_another_grader_grades_the_same_completions(evaluate: Evaluate) -> None:
    evaluate()
    run = evaluate(grader_arn=GRADER[:-1] + "4")
    assert run.n_requests == 0
    assert run.grader_arn.endswith(":4")


def test_groups_and_slices_travel_with_the_scores(evaluate: Evaluate, objects: FakeObjects) -> None:
    run = evaluate(EvaluationSettings(group_key="document", slice_keys=("task", "absent")))
    assert run.scores[4].group == "d1"
    assert run.scores[4].slices == {"task": "even"}
    completion = load_completions(objects, run)[4]
    assert completion.completion == "question xxxx!"
    assert completion.grader == GRADER


def test_many_samples_stay_in_the_store(evaluate: Evaluate, objects: FakeObjects) -> None:
    run = evaluate(EvaluationSettings(max_inline_scores=5))
    assert run.scores == ()
    assert len(load_scores(objects, run)) == 20


def test_shards_merge_to_the_bytes_of_one_worker(
    evaluate: Evaluate, objects: FakeObjects, records: list[Record]
) -> None:
    whole = evaluate()
    merged = objects.get(whole.uri)
    objects.stored.clear()
    evaluate(records=records[10:])
    evaluate(records=records[:10])
    again = evaluate()
    assert again.n_requests == 0
    assert again.uri == whole.uri
    assert objects.get(again.uri) == merged


def test_throttling_is_waited_out(evaluate: Evaluate, model: FakeModel, clock: FakeClock) -> None:
    started_at = clock.now()
    model.failures = [Throttled("slow down", retry_after_seconds=3.0) for _ in range(5)]
    run = evaluate()
    assert run.n_samples == 20
    assert clock.now() >= started_at + 3.0


def test_endless_throttling_ends(evaluate: Evaluate, model: FakeModel) -> None:
    model.failures = [Throttled("slow down", retry_after_seconds=0.1) for _ in range(1000)]
    with pytest.raises(Throttled):
        evaluate()


@pytest.mark.parametrize("error", [ServiceUnavailable("busy"), ConnectionLost("gone")])
def test_transient_errors_are_repeated(evaluate: Evaluate, model: FakeModel, error: Exception) -> None:
    model.failures = [error, error]
    assert evaluate().n_samples == 20


def test_a_lasting_outage_ends_the_run(evaluate: Evaluate, model: FakeModel) -> None:
    model.failures = [ServiceUnavailable("busy") for _ in range(1000)]
    with pytest.raises(ServiceUnavailable):
        evaluate()


def test_a_broken_grader_is_found_before_the_bill(evaluate: Evaluate, model: FakeModel, grader: FakeGrader) -> None:
    def broken(_completion: str) -> float:
        raise ValueError("no such module")

    grader.score = broken
    with pytest.raises(GraderFailure, match="no such module"):
        evaluate()
    assert sum(model.asked.values()) == 4


def test_one_poisonous_completion_costs_only_its_own_score(
    evaluate: Evaluate, grader: FakeGrader, objects: FakeObjects
) -> None:
    def picky(completion: str) -> float:
        if completion == f"question {'x' * 13}!":
            raise ValueError("division by zero")
        return 1.0

    grader.score = picky
    with pytest.raises(GraderFailure, match=r"1 of 16 completions; on sample 'r13'.*division by zero"):
        evaluate()
    run = evaluate(EvaluationSettings(max_grader_error_share=0.1))
    assert run.n_grader_errors == 1
    assert run.n_requests == 0
    assert run.scores[13].scores == ()
    with pytest.raises(InvalidScores, match="'r13'"):
        compare_runs(objects, run, run)


def test_a_mended_grader_version_is_asked_again_for_what_failed(evaluate: Evaluate, grader: FakeGrader) -> None:
    grader.score = lambda _completion: float("nan")
    with pytest.raises(GraderFailure):
        evaluate()
    grader.score = lambda _completion: 1.0
    assert evaluate().n_grader_errors == 0


def test_batches_are_as_large_as_asked(evaluate: Evaluate, grader: FakeGrader) -> None:
    evaluate(EvaluationSettings(grader_batch_size=5))
    assert sorted(map(len, grader.invocations)) == [1, 4, 5, 5, 5]


def test_the_request_budget_holds_before_the_first_request(evaluate: Evaluate, model: FakeModel) -> None:
    with pytest.raises(BudgetExceeded, match="20 requests"):
        evaluate(EvaluationSettings(max_requests=19))
    with pytest.raises(BudgetExceeded, match="completion tokens"):
        evaluate(EvaluationSettings(max_tokens=100, max_completion_tokens=1999))
    assert not model.asked


def test_stored_answers_cost_no_budget(evaluate: Evaluate) -> None:
    evaluate()
    assert evaluate(EvaluationSettings(max_requests=0)).n_samples == 20


def test_no_records_are_refused(evaluate: Evaluate) -> None:
    with pytest.raises(InvalidInput, match="no records"):
        evaluate(records=[])


def test_doubled_ids_are_refused(evaluate: Evaluate, records: list[Record]) -> None:
    with pytest.raises(InvalidInput, match="'r00'"):
        evaluate(records=[*records, records[0]])


@pytest.mark.parametrize("name", ["completions_per_sample", "max_tokens", "max_concurrency", "grader_batch_size"])
def test_settings_below_one_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        EvaluationSettings(**{name: 0})


def test_a_store_that_fails_ends_the_run(evaluate: Evaluate, objects: FakeObjects) -> None:
    objects.failure = ServiceUnavailable("S3 is away")
    with pytest.raises(ServiceUnavailable, match="S3 is away"):
        evaluate()


def test_truncated_completions_are_counted(evaluate: Evaluate, model: FakeModel) -> None:
    model.answer = lambda _request: Completion(text="cut", finish_reason="length")
    assert evaluate().n_truncated == 20


def test_progress_is_told(evaluate: Evaluate) -> None:
    seen = []
    evaluate(on_progress=lambda done, total: seen.append((done, total)))
    assert sorted(seen) == [(i + 1, 20) for i in range(20)]


def test_different_graders_do_not_compare(evaluate: Evaluate, objects: FakeObjects) -> None:
    with pytest.raises(InvalidScores, match="graded by"):
        compare_runs(objects, evaluate(), evaluate(grader_arn=GRADER[:-1] + "4"))


def test_a_changed_test_set_does_not_compare(evaluate: Evaluate, objects: FakeObjects, records: list[Record]) -> None:
    changed = [replace(records[0], messages=records[1].messages), *records[1:]]
    with pytest.raises(InvalidScores, match="test set was changed"):
        compare_runs(objects, evaluate(), evaluate(records=changed))


def test_fewer_samples_on_one_side_do_not_compare(
    evaluate: Evaluate, objects: FakeObjects, records: list[Record]
) -> None:
    with pytest.raises(InvalidScores, match="2 unmatched sample ids"):
        compare_runs(objects, evaluate(), evaluate(records=records[2:]))


def test_two_models_compare(evaluate: Evaluate, objects: FakeObjects, model: FakeModel) -> None:
    baseline = evaluate()
    model.answer = lambda _request: Completion(text="odd")
    candidate = evaluate(model_id="tuned")
    comparison = compare_runs(objects, baseline, candidate)
    assert comparison.difference is not None
    assert comparison.difference.value == pytest.approx(0.5)
    assert comparison.p_value < 0.01


@pytest.mark.parametrize("qualifier", ["", ":live", ":$LATEST"])
def test_a_grader_that_may_change_is_refused(evaluate: Evaluate, model: FakeModel, qualifier: str) -> None:
    with pytest.raises(InvalidGrader, match="no published version"):
        evaluate(grader_arn=GRADER.removesuffix(":3") + qualifier)
    assert not model.asked
