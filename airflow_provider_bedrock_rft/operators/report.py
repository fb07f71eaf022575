"""Publish what a run has found, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_bedrock_rft.core.errors import InvalidScores
from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS, plane_of
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.gate import GateResult
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, text_of
from airflow_provider_bedrock_rft.hooks.payloads import payload_of, to_xcom
from airflow_provider_bedrock_rft.links import BedrockRftPageLink, BedrockRftReportLink, ShowsLinks, object_url
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent
    from airflow_provider_bedrock_rft.core.steps.report import PublishedReport
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Payload, Text


class BedrockRftPublishReportOperator(ShowsLinks, BedrockRftOperator):
    """Store a self-contained page about a comparison and its decision, also as Markdown and JSON, and link to it.

    Put it behind the promotion with ``trigger_rule="none_failed"`` to have a report of runs that were held or rejected
    too; where the gate has not run, the task is skipped. Returns the payload ``rft.report`` (``html_uri`` …).

    Args:
        gate: Output of ``BedrockRftPromotionGateOperator``.
        baseline: The evaluation that the gate was given.
        candidate: Likewise.
        artifacts_uri: ``s3://bucket/prefix`` to store the report below.
        dataset: The test split, for the prompts of the samples that moved most.
        job: Job id, or the output of a task that has one, for its reward curve.
        champion: Output of the task that promotes, to say what came of it.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "gate",
        "baseline",
        "candidate",
        "artifacts_uri",
        "dataset",
        "job",
        "champion",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "gate": "json",
        "baseline": "json",
        "candidate": "json",
        "job": "json",
        "champion": "json",
    }
    operator_extra_links = (BedrockRftReportLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        gate: Payload,
        baseline: Payload,
        candidate: Payload,
        artifacts_uri: Text,
        dataset: Text | None = None,
        job: Given | None = None,
        champion: Payload | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gate = gate
        self.baseline = baseline
        self.candidate = candidate
        self.artifacts_uri = artifacts_uri
        self.dataset = dataset
        self.job = job
        self.champion = champion

    def execute(self, context: Context) -> dict[str, object]:
        """Gather and publish."""
        from airflow_provider_bedrock_rft.core.steps.report import publish_report

        if self.gate is None:
            raise AirflowSkipException("The gate has not run: there is nothing to report.")
        with failing_fast():
            place = text_of(self.artifacts_uri, "artifacts_uri", {})
            published = publish_report(self.hook.objects, self._content(), artifacts_uri=place)
        self.log.info("The report is at %s.", published.html_uri)
        self._show(context, published)
        return to_xcom(published)

    def _content(self) -> ReportContent:
        from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
        from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs
        from airflow_provider_bedrock_rft.core.steps.report import gather_report

        gate = payload_of(self.gate, "gate", GateResult)
        baseline = payload_of(self.baseline, "baseline", EvaluationRun)
        candidate = payload_of(self.candidate, "candidate", EvaluationRun)
        comparison = compare_runs(self.hook.objects, baseline, candidate, confidence=gate.confidence, seed=gate.seed)
        if gate.decision is None or comparison.content_fingerprint() != gate.comparison_fingerprint:
            raise InvalidScores(
                "The evaluations are not those that the gate has judged.",
                action="Give the report the same baseline and candidate as the gate.",
            )
        return gather_report(
            self.hook.objects,
            baseline=baseline,
            candidate=candidate,
            comparison=comparison,
            decision=gate.decision,
            records=self._records(),
            reward_curve=self._reward_curve(),
            facts=self._outcome(),
        )

    def _records(self) -> Sequence[Any]:
        from airflow_provider_bedrock_rft.hooks.files import read_all

        return read_all(self.hook.objects, text_of(self.dataset, "dataset", {})) if self.dataset else ()

    def _reward_curve(self) -> Sequence[tuple[float, float]]:
        from airflow_provider_bedrock_rft.core.job.curve import Curve

        if self.job is None:
            return ()
        job_id = text_of(self.job, "job", JOB_ID)
        curve = Curve().extended(plane_of(self.hook, job_id).list_events(job_id))
        return tuple(zip(curve.steps_of("reward"), curve.series("reward"), strict=True))

    def _outcome(self) -> dict[str, str]:
        if self.champion is None:
            return {"outcome": "not promoted"}
        entry = payload_of(self.champion, "champion", ChampionEntry)
        return {"outcome": f"champion number {entry.number} of {entry.pipeline}", "actor": entry.actor}

    def _show(self, context: Context, published: PublishedReport) -> None:
        if not self.hook.client_config.endpoint_url:
            bucket, _, key = published.html_uri.removeprefix("s3://").partition("/")
            self.show_link(context, BedrockRftReportLink, object_url(self.hook.region_name, bucket, key))
