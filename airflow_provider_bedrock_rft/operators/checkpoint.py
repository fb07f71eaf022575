"""Choose the checkpoint to go on with."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS, plane_of
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, one_of, text_of
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.evaluation import EvaluatingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.checkpoint.selection import CheckpointScore
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text

RULES = ("latest", "best", "one_standard_error")


class BedrockRftSelectCheckpointOperator(EvaluatingOperator):
    """Choose one of a job's checkpoints, by scores on a split that the final test never sees.

    ``latest`` needs no scores. ``best`` and ``one_standard_error`` (the earliest that cannot be told from the best)
    evaluate every checkpoint on ``dataset``. Returns the payload ``rft.checkpoint_choice``, which
    ``BedrockRftEvaluateModelOperator`` takes as ``model``; a gate then refuses a test split that shares a prompt with
    the split it was chosen on.

    Args:
        job: Job id, or the output of a task that has one.
        rule: ``latest``, ``best`` or ``one_standard_error``.
        grader: As for ``BedrockRftEvaluateModelOperator``.
        dataset: The selection split, not the test split.
        artifacts_uri: As for ``BedrockRftEvaluateModelOperator``.
        max_samples: As for ``BedrockRftEvaluateModelOperator``.
        settings: As for ``BedrockRftEvaluateModelOperator``.
        kwargs: As for every operator of this package.
    """

    template_fields = (
        "job",
        "rule",
        "grader",
        "dataset",
        "artifacts_uri",
        "max_samples",
        "settings",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json", "grader": "json", "settings": "json"}

    def __init__(
        self,
        *,
        job: Given,
        rule: str = "latest",
        grader: Given = "",
        dataset: Text | None = None,
        artifacts_uri: Text | None = None,
        max_samples: int | str | None = None,
        settings: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.rule = rule
        self.grader = grader
        self.dataset = dataset
        self.artifacts_uri = artifacts_uri
        self.max_samples = max_samples
        self.settings = settings

    def execute(self, context: Context) -> dict[str, object]:
        """Choose."""
        from airflow_provider_bedrock_rft.core.checkpoint.selection import SelectionRule
        from airflow_provider_bedrock_rft.core.steps.checkpoint import select_checkpoint

        with failing_fast():
            rule = SelectionRule(one_of("rule", self.rule, *RULES))
            job_id = text_of(self.job, "job", JOB_ID)
            runs: list[EvaluationRun] = []
            choice = select_checkpoint(
                plane_of(self.hook, job_id), job_id, rule=rule, score=lambda checkpoint: self._score(checkpoint, runs)
            )
        choice = replace(choice, chosen_on=_one_per_prompts(runs))
        self.log.info(choice.reason)
        self.record(context, lambda: stages.of_choice(choice, job_id))
        return to_xcom(choice)

    def _score(self, checkpoint: Checkpoint, runs: list[EvaluationRun]) -> CheckpointScore:
        from statistics import fmean, stdev

        from airflow_provider_bedrock_rft.core.checkpoint.selection import CheckpointScore
        from airflow_provider_bedrock_rft.core.steps.evaluation import load_scores

        run = self.evaluate(checkpoint.model)
        runs.append(run)
        means = [sample.mean for sample in load_scores(self.hook.objects, run)]
        error = stdev(means) / sqrt(len(means)) if len(means) > 1 else 0.0
        return CheckpointScore(checkpoint=checkpoint, mean=fmean(means), standard_error=error, n=len(means))


def _one_per_prompts(runs: list[EvaluationRun]) -> tuple[str, ...]:
    """The URIs that say which prompts were looked at: checkpoints are scored on the same ones."""
    return tuple({run.prompts_fingerprint: run.uri for run in runs}.values())
