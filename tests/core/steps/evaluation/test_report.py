from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.ports import Completion
from airflow_provider_bedrock_rft.core.promotion.gate import judge
from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs, evaluate_model
from airflow_provider_bedrock_rft.core.steps.report import PublishedReport, gather_report, publish_report

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent
    from tests.core.steps.evaluation.conftest import FakeClock, FakeGrader, FakeModel, FakeObjects

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def content(
    model: FakeModel, grader: FakeGrader, objects: FakeObjects, records: list[Record], clock: FakeClock
) -> ReportContent:
    def evaluate(name: str) -> EvaluationRun:
        return evaluate_model(
            model,
            grader,
            objects,
            model=name,
            grader_arn="arn:aws:lambda:us-west-2:123456789012:function:grader:3",
            records=records,
            artifacts_uri="s3://bucket/rft",
            clock=clock,
        )

    baseline = evaluate("base")
    model.answer = lambda _request: Completion(text=EVIL + "!" * (1 - len(EVIL) % 2))
    candidate = evaluate("tuned")
    comparison = compare_runs(objects, baseline, candidate)
    return gather_report(
        objects,
        baseline=baseline,
        candidate=candidate,
        comparison=comparison,
        decision=judge(comparison, PromotionPolicy()),
        records=records,
        reward_curve=[(1, 0.2), (2, 0.5), (3, 0.4)],
    )


def test_the_report_is_published_in_three_forms(content: ReportContent, objects: FakeObjects) -> None:
    published = publish_report(objects, content, artifacts_uri="s3://bucket/rft/")
    assert codec.load(PublishedReport, codec.dump(published)) == published
    page = objects.get(published.html_uri).decode()
    assert EVIL not in page
    assert "&lt;img src=x" in page
    assert "<polyline" in page
    assert "question x" in page
    assert json.loads(objects.get(published.json_uri))["schema"] == "comparison/1"
    assert objects.get(published.markdown_uri).startswith(b"### tuned against base")


def test_the_texts_of_the_samples_that_moved_are_shown(content: ReportContent) -> None:
    assert content.texts
    side = next(iter(content.texts.values()))
    assert side.prompt.startswith("question")
    assert side.candidate.startswith(EVIL)
    assert side.baseline.endswith("!")
