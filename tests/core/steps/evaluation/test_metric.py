"""A comparison by what the grader reports beside the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidScores
from airflow_provider_bedrock_rft.core.evaluation.calibration import GraderCalibration
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun, ScoredCompletion, summarize
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.promotion.gate import judge
from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
from airflow_provider_bedrock_rft.core.promotion.report import page
from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs, metrics_of
from airflow_provider_bedrock_rft.core.steps.report import gather_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.core.steps.evaluation.conftest import FakeObjects

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:grader:3"


def store(objects: FakeObjects, name: str, replies: Sequence[Mapping[str, float]]) -> EvaluationRun:
    """A run whose scores are 0.1 for the format and 1 for a right answer."""
    completions = [
        ScoredCompletion(
            sample_id=f"s{i}",
            index=0,
            score=1.0 if reply.get("correct") else 0.1 * reply.get("format", 0.0),
            prompt=f"p{i}",
            metrics=reply,
        )
        for i, reply in enumerate(replies)
    ]
    uri = f"s3://bucket/{name}.jsonl"
    objects.put_bytes(uri, b"".join(msgspec.json.encode(one) + b"\n" for one in completions))
    settings = EvaluationSettings(max_inline_scores=0)
    return summarize(completions, model=name, grader_arn=GRADER, uri=uri, settings=settings, n_requests=0)


def sides(objects: FakeObjects) -> tuple[EvaluationRun, EvaluationRun]:
    """The candidate writes every answer in the right format and is right no more often."""
    right = [{"correct": 1.0, "format": 1.0}] * 3
    base = store(objects, "base", [*right, *[{"correct": 0.0, "format": 0.0}] * 57])
    tuned = store(objects, "tuned", [*right, *[{"correct": 0.0, "format": 1.0}] * 57])
    return base, tuned


def test_credit_for_a_format_is_not_taken_for_being_right(objects: FakeObjects) -> None:
    by_score = compare_runs(objects, *sides(objects))
    by_truth = compare_runs(objects, *sides(objects), metric="auto")
    assert by_score.difference is not None
    assert by_score.difference.low > 0
    assert by_truth.all_tie
    assert by_truth.is_binary


def test_a_named_metric_is_compared(objects: FakeObjects) -> None:
    assert metrics_of(objects, sides(objects)) == ("correct", "format")
    assert compare_runs(objects, *sides(objects), metric="format").n_wins == 57


def test_without_the_component_auto_is_the_score(objects: FakeObjects) -> None:
    run = store(objects, "plain", [{"format": 1.0}] * 40)
    assert compare_runs(objects, run, run, metric="auto").n_samples == 40


def test_a_metric_that_nobody_reports_is_refused_by_name(objects: FakeObjects) -> None:
    with pytest.raises(InvalidScores, match=r"no metric 'truth'\. It reports correct, format"):
        compare_runs(objects, *sides(objects), metric="truth")


def test_the_report_holds_the_score_against_what_the_grader_calls_right(objects: FakeObjects) -> None:
    base, tuned = sides(objects)
    comparison = compare_runs(objects, base, tuned)
    decision = judge(comparison, PromotionPolicy())
    content = gather_report(objects, baseline=base, candidate=tuned, comparison=comparison, decision=decision)
    assert isinstance(content.calibration, GraderCalibration)
    assert (content.calibration.n, content.calibration.n_false_passes, content.calibration.kappa) == (120, 0, 1.0)
    assert content.calibration.bias == pytest.approx(0.1 * 57 / 120)
    assert "calibration" in page.to_html(content).lower()
