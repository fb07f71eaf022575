"""The report of a comparison, beside the evaluations it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.evaluation.calibration import GraderCalibration, calibration_of
from airflow_provider_bedrock_rft.core.promotion.report import machine, page, plain
from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent, Sides
from airflow_provider_bedrock_rft.core.steps.evaluation import TRUTH, load_completions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.ports import ObjectStore
    from airflow_provider_bedrock_rft.core.promotion.decision import Decision


@payload("rft.report")
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedReport:
    """Where a report was put: page, Markdown, JSON."""

    html_uri: str
    markdown_uri: str
    json_uri: str


def gather_report(
    objects: ObjectStore,
    *,
    baseline: EvaluationRun,
    candidate: EvaluationRun,
    comparison: Comparison,
    decision: Decision,
    records: Sequence[Record] = (),
    reward_curve: Sequence[tuple[float, float]] = (),
    facts: Mapping[str, str] | None = None,
) -> ReportContent:
    """A report's content, with the texts of the samples that moved most."""
    moved = {move.sample_id for move in comparison.largest_moves}
    prompts = {record.record_id: record.prompt for record in records if record.record_id in moved}
    before, after = (_texts(objects, run, moved) for run in (baseline, candidate))
    costs = {
        f"{side} tokens": f"{run.prompt_tokens:,} in, {run.completion_tokens:,} out{_cost_of(run)}"
        for side, run in (("baseline", baseline), ("candidate", candidate))
    }
    return ReportContent(
        comparison=comparison,
        decision=decision,
        title=f"{candidate.model} against {baseline.model}",
        baseline=baseline.model,
        candidate=candidate.model,
        reward_curve=reward_curve,
        calibration=_calibration(objects, (baseline, candidate)),
        texts={
            name: Sides(prompt=prompts.get(name, ""), baseline=before.get(name, ""), candidate=after.get(name, ""))
            for name in moved
        },
        facts={**costs, "grader": candidate.grader_arn, "prompts": candidate.prompts_fingerprint, **(facts or {})},
    )


def publish_report(objects: ObjectStore, content: ReportContent, *, artifacts_uri: str) -> PublishedReport:
    """Store the report in its three forms, under the comparison's fingerprint."""
    root = f"{artifacts_uri.rstrip('/')}/reports/{content.decision.comparison_fingerprint[:16]}"
    published = PublishedReport(html_uri=f"{root}.html", markdown_uri=f"{root}.md", json_uri=f"{root}.json")
    objects.put_bytes(published.html_uri, page.to_html(content).encode())
    objects.put_bytes(published.markdown_uri, plain.to_markdown(content).encode())
    objects.put_bytes(published.json_uri, machine.to_json(content))
    return published


def _calibration(objects: ObjectStore, runs: Sequence[EvaluationRun]) -> GraderCalibration | TooFewSamples | None:
    """Scores against what the grader itself calls right, where it gives partial credit and says both."""
    graded = [one for run in runs for one in load_completions(objects, run) if one.score is not None]
    pairs = [(one.score or 0.0, one.metrics[TRUTH]) for one in graded if TRUTH in one.metrics]
    return calibration_of(pairs, truth=f"the grader's component {TRUTH!r}") if pairs else None


def _cost_of(run: EvaluationRun) -> str:
    return "" if run.cost is None else f", for {run.cost:.4g}"


def _texts(objects: ObjectStore, run: EvaluationRun, wanted: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for completion in load_completions(objects, run):
        if completion.sample_id in wanted:
            found.setdefault(completion.sample_id, completion.completion)
    return found
