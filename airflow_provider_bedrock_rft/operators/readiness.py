"""Step 0: find out whether training can teach a model these prompts, before it is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import GRADER, MODEL, fields_of, text_of
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.links import BedrockRftArtifactsLink, BedrockRftPageLink
from airflow_provider_bedrock_rft.operators.evaluation import EvaluatingOperator
from airflow_provider_bedrock_rft.operators.steering import SteersByVerdict, check_branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text

VERDICTS = ("go", "no-go", "supervised-first", "not-needed")
DEFAULT_COMPLETIONS = 6


class BedrockRftAssessReadinessOperator(EvaluatingOperator, SteersByVerdict):
    """Ask the base model several times per prompt, and let training follow only where it can teach something.

    Without ``branches``, what follows directly runs on ``go`` only; the task itself succeeds with every verdict.
    Returns the payload ``rft.readiness`` (``verdict``, ``reason``, ``is_certain``, estimates with their intervals). The
    URI of every prompt's difficulty, for filtering, is also pushed under the key ``difficulty``.

    Args:
        model: Base model id, or the output of a task that has one.
        grader: As for ``BedrockRftEvaluateModelOperator``.
        dataset: JSONL of training prompts, a local path or ``s3://`` URI.
        artifacts_uri: As for ``BedrockRftEvaluateModelOperator``.
        max_samples: Assess the first records only.
        settings: Fields of ``EvaluationSettings``; 6 completions per prompt unless it says otherwise.
        rule: Fields of ``ReadinessRule``: the thresholds.
        branches: Verdict → task id (or ids) to follow; a verdict that is left out follows none.
        kwargs: As for every operator of this package.
    """

    inherits_from_skipmixin = True
    template_fields = (
        "model",
        "grader",
        "dataset",
        "artifacts_uri",
        "max_samples",
        "settings",
        "rule",
        *CONNECTION_FIELDS,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "model": "json",
        "grader": "json",
        "settings": "json",
        "rule": "json",
    }
    operator_extra_links = (BedrockRftArtifactsLink(), BedrockRftPageLink())

    def __init__(
        self,
        *,
        model: Given,
        grader: Given,
        dataset: Text,
        artifacts_uri: Text,
        max_samples: int | str | None = None,
        settings: Mapping[str, object] | None = None,
        rule: Mapping[str, object] | None = None,
        branches: Mapping[str, str | Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.grader = grader
        self.dataset = dataset
        self.artifacts_uri = artifacts_uri
        self.max_samples = max_samples
        self.settings = settings
        self.rule = rule
        self.branches = check_branches(branches, VERDICTS)

    def execute(self, context: Context) -> dict[str, object]:
        """Assess, then skip what the verdict rules out."""
        with failing_fast():
            model = text_of(self.model, "model", MODEL)
            found = self._assess(model)
        certainty = "" if found.is_certain else " (not certain)"
        self.log.info("%s%s: %s", found.verdict.value, certainty, found.reason)
        self.log.info("Usable groups: %s; prompts by level: %s.", found.usable.unsigned, found.levels)
        context["ti"].xcom_push(key="difficulty", value=found.difficulty_uri)
        self.show_artifacts(context, found.difficulty_uri)
        grader = text_of(self.grader, "grader", GRADER)
        self.record(context, lambda: stages.of_readiness(found, model, grader, self.dataset))
        return self.steer(context, found.verdict.value, to_xcom(found), goes_on=found.verdict.value == "go")

    def _assess(self, model: str) -> Readiness:
        from airflow_provider_bedrock_rft.core.evaluation.readiness import ReadinessRule
        from airflow_provider_bedrock_rft.core.steps.readiness import assess_readiness

        return assess_readiness(
            self.hook.runtime,
            self.hook.functions,
            self.hook.objects,
            model=model,
            grader_arn=text_of(self.grader, "grader", GRADER),
            records=self.records(),
            artifacts_uri=text_of(self.artifacts_uri, "artifacts_uri", {}),
            clock=self.clock,
            settings=self.evaluation_settings(completions_per_sample=DEFAULT_COMPLETIONS),
            rule=fields_of(self.rule, "rule", ReadinessRule),
            on_progress=self.progress(),
        )
