"""Step 0 against the real model and the deployed grader."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.evaluation.difficulty import difficulties
from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness, ReadinessRule, assess
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model, load_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.ports import ModelRuntime, ObjectStore
    from airflow_provider_bedrock_rft.core.steps.grading import GraderFunctions

DEFAULT_COMPLETIONS = 6


def assess_readiness(  # noqa: PLR0913 - the ports it needs and what it works on
    runtime: ModelRuntime,
    functions: GraderFunctions,
    objects: ObjectStore,
    *,
    model: str,
    grader_arn: str,
    records: Sequence[Record],
    artifacts_uri: str,
    clock: Clock,
    settings: EvaluationSettings | None = None,
    rule: ReadinessRule | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Readiness:
    """Ask the base model several times per prompt and say whether training can teach it anything.

    The difficulty of every prompt is written next to the evaluation, for filtering. A grader that fails is part of the
    answer, not an error.

    Raises:
        InvalidInput: Settings ask for a single completion, or hardly any prompt got a score.
    """
    settings = settings or EvaluationSettings(completions_per_sample=DEFAULT_COMPLETIONS)
    run = evaluate_model(
        runtime,
        functions,
        objects,
        model=model,
        grader_arn=grader_arn,
        records=records,
        artifacts_uri=artifacts_uri,
        clock=clock,
        settings=replace(settings, max_grader_error_share=1.0),
        on_progress=on_progress,
    )
    samples, rule = load_scores(objects, run), rule or ReadinessRule()
    uri = run.uri.replace("/evaluations/", "/difficulty/")
    found = assess(
        samples,
        n_truncated=run.n_truncated,
        n_grader_errors=run.n_grader_errors,
        rule=rule,
        confidence=settings.confidence,
        difficulty_uri=uri,
    )
    if isinstance(found, TooFewSamples):
        raise InvalidInput(str(found), action="Mend the grader, or give more prompts.")
    rated = difficulties(samples, success_at=rule.success_at, floor=rule.floor)
    objects.put_bytes(uri, b"".join(canonical_json(one) + b"\n" for one in rated))
    return found
