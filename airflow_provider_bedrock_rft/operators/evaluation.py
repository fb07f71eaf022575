"""Evaluate models on held-out records with the deployed grader, and compare two evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import GRADER, MODEL, fields_of, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.payloads import payload_of, to_xcom
from airflow_provider_bedrock_rft.links import BedrockRftArtifactsLink, BedrockRftPageLink, ShowsLinks, folder_url
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
    from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Payload, Text


class EvaluatingOperator(ShowsLinks, BedrockRftOperator):
    """An operator that has models answer held-out records."""

    grader: Given
    dataset: Text | None
    artifacts_uri: Text | None
    max_samples: int | str | None
    settings: Mapping[str, object] | None

    def evaluate(self, model: str) -> EvaluationRun:
        """Evaluate one model as the rendered fields say."""
        from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model

        records = self.records()
        self.log.info("Evaluating %s on %s records.", model, len(records))
        run = evaluate_model(
            self.hook.runtime,
            self.hook.functions,
            self.hook.objects,
            model=model,
            grader_arn=text_of(self.grader, "grader", GRADER),
            records=records,
            artifacts_uri=text_of(self.artifacts_uri, "artifacts_uri", {}),
            clock=self.clock,
            settings=self.evaluation_settings(),
            on_progress=self.progress(),
            batch=self.batch_access(),
        )
        self._report(run)
        return run

    def batch_access(self) -> BatchAccess | None:
        """Batch inference, where an operator has it; none unless it says otherwise."""
        return None

    def records(self) -> tuple[Record, ...]:
        """The records to ask about."""
        from airflow_provider_bedrock_rft.hooks.files import read_all

        records = read_all(self.hook.objects, text_of(self.dataset, "dataset", {}))
        if self.max_samples not in (None, "", "None"):
            records = records[: whole_number(self.max_samples, "max_samples")]
        return records

    def evaluation_settings(self, **defaults: int) -> EvaluationSettings:
        """The rendered settings over ``defaults``; scores travel in the object store, not in XCom."""
        from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings

        return fields_of({"max_inline_scores": 0, **defaults, **(self.settings or {})}, "settings", EvaluationSettings)

    def progress(self) -> Tenths:
        """Tells the log about ten times how far the evaluation is."""
        return Tenths(lambda done, total: self.log.info("%s of %s completions answered.", done, total))

    def show_artifacts(self, context: Context, uri: str) -> None:
        """Link to the folder of ``uri``, where it is in AWS."""
        if not self.hook.client_config.endpoint_url:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            url = folder_url(self.hook.region_name, bucket, key.rpartition("/")[0])
            self.show_link(context, BedrockRftArtifactsLink, url)

    def _report(self, run: EvaluationRun) -> None:
        mean = f"{run.mean.value:.4f} [{run.mean.low:.4f}, {run.mean.high:.4f}]" if run.mean else "too few samples"
        self.log.info(
            "%s: mean score %s over %s samples (%s completions each); "
            "%s truncated, %s not graded, %s requests, %s tokens.",
            run.model,
            mean,
            run.n_samples,
            run.completions_per_sample,
            run.n_truncated,
            run.n_grader_errors,
            run.n_requests,
            run.prompt_tokens + run.completion_tokens,
        )


class BedrockRftEvaluateModelOperator(EvaluatingOperator):
    """Ask a model for completions of held-out records, and have the deployed grader score them.

    Answers and scores are stored below ``artifacts_uri`` as they come: a retry, on any worker, asks only for what is
    missing. Returns the payload ``rft.evaluation`` (``mean`` with its interval, ``uri`` of the scored completions …).

    Args:
        model: Model id, or the output of a task that made or chose one (job, checkpoint).
        grader: ARN of a published Lambda version, or the output of ``BedrockRftDeployGraderOperator``.
        dataset: Held-out JSONL, a local path or ``s3://`` URI.
        artifacts_uri: ``s3://bucket/prefix`` for what is kept.
        champion_of: Pipeline whose present champion is evaluated instead of ``model``, once there is one.
        max_samples: Evaluate on the first records only.
        settings: Fields of ``EvaluationSettings``: ``completions_per_sample``, ``max_tokens``, ``max_cost`` …
        shard: ``2/8`` evaluates on the second of eight parts of the records. Map a task over all of them; a task after
            them without a shard asks for nothing, and writes what one worker would have written.
        deferrable: Wait for batch inference in the triggerer instead of holding a worker slot.
        poll_interval_seconds: Pause between two looks at a batch job.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "model",
        "grader",
        "dataset",
        "artifacts_uri",
        "champion_of",
        "max_samples",
        "settings",
        "shard",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"model": "json", "grader": "json", "settings": "json"}
    operator_extra_links = (BedrockRftArtifactsLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        model: Given,
        grader: Given,
        dataset: Text,
        artifacts_uri: Text,
        champion_of: str | None = None,
        max_samples: int | str | None = None,
        settings: Mapping[str, object] | None = None,
        shard: Text = "",
        deferrable: bool = True,
        poll_interval_seconds: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shard = shard
        self.deferrable = deferrable
        self.poll_interval_seconds = poll_interval_seconds
        self.model = model
        self.grader = grader
        self.dataset = dataset
        self.artifacts_uri = artifacts_uri
        self.champion_of = champion_of
        self.max_samples = max_samples
        self.settings = settings

    def execute(self, context: Context) -> dict[str, object]:
        """Evaluate."""
        with failing_fast():
            run = replace(self.evaluate(self._chosen_model()), chosen_on=self._chosen_on())
        self.show_artifacts(context, run.uri)
        self.record(context, lambda: stages.of_evaluation(run, self.dataset))
        return to_xcom(run)

    def records(self) -> tuple[Record, ...]:
        """The records to ask about, or this worker's part of them."""
        from airflow_provider_bedrock_rft.core.evaluation.shard import Shard

        records = super().records()
        return tuple(Shard.parse(str(self.shard)).part_of(records)) if self.shard else records

    def batch_access(self) -> BatchAccess | None:
        """Batch inference, where the settings name a role for it."""
        from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess

        if not self.evaluation_settings().batch_role_arn:
            return None
        return BatchAccess(
            service=self.hook.batch,
            pause_seconds=self.poll_interval_seconds,
            wait=self._wait if self.deferrable else None,
        )

    def resume(self, context: Context, event: object = None) -> dict[str, object]:  # noqa: ARG002 -- a time that came
        """Go on: what was answered is stored, and what was ordered in batch is written down."""
        return self.execute(context)

    def _wait(self, seconds: float, job: BatchJob) -> None:
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.log.info("Batch job %s is %s: %s of %s records.", job.job_id, job.status, job.n_done, job.n_records)
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=seconds)), method_name="resume")

    def _chosen_on(self) -> tuple[str, ...]:
        """The evaluations behind a checkpoint's choice; the gate refuses a test on any of their prompts."""
        from airflow_provider_bedrock_rft.core.checkpoint.selection import CheckpointChoice

        is_choice = isinstance(self.model, Mapping) and self.model.get("kind") == "rft.checkpoint_choice"
        return payload_of(self.model, "model", CheckpointChoice).chosen_on if is_choice else ()

    def _chosen_model(self) -> str:
        if self.champion_of:
            from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
            from airflow_provider_bedrock_rft.core.steps.promotion import champion_of

            champion = champion_of(self.hook.parameters, registry=Registry(pipeline=self.champion_of))
            if champion:
                self.log.info("The champion of %s is %s.", self.champion_of, champion.model)
                return champion.model
        return text_of(self.model, "model", MODEL)


class BedrockRftCompareModelsOperator(BedrockRftOperator):
    """Compare two evaluations sample by sample.

    Returns the payload ``rft.comparison`` (``difference`` with its interval, ``p_value``, slices …).

    Args:
        baseline: Output of the evaluation of what serves now.
        candidate: Output of the evaluation of what may replace it.
        confidence: Coverage of the intervals.
        seed: Of every draw.
        kwargs: As for every operator of this package.
    """

    template_fields = ("baseline", "candidate", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"baseline": "json", "candidate": "json"}

    def __init__(
        self,
        *,
        baseline: Payload,
        candidate: Payload,
        confidence: float = 0.95,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.baseline = baseline
        self.candidate = candidate
        self.confidence = confidence
        self.seed = seed

    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 -- Airflow's signature
        """Compare."""
        from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
        from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs

        with failing_fast():
            comparison = compare_runs(
                self.hook.objects,
                payload_of(self.baseline, "baseline", EvaluationRun),
                payload_of(self.candidate, "candidate", EvaluationRun),
                confidence=self.confidence,
                seed=self.seed,
            )
        self.log.info("Difference %s, p = %.3g.", comparison.difference or comparison.too_few, comparison.p_value)
        return to_xcom(comparison)


class Tenths:
    """Passes on about ten of many reports of progress, from whatever thread they come."""

    def __init__(self, say: Callable[[int, int], None]) -> None:
        self._say = say
        self._lock = Lock()
        self._said = 0

    def __call__(self, done: int, total: int) -> None:
        """Report, where another tenth is done."""
        with self._lock:
            tenth = done * 10 // max(1, total)
            is_new = tenth > self._said
            self._said = max(tenth, self._said)
        if is_new:
            self._say(done, total)
