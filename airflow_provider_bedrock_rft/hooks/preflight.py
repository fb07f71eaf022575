"""A first try of a deployed grader: on references, and on nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import GraderFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.contract import Score
    from airflow_provider_bedrock_rft.core.ports import FunctionService

N_SAMPLES = 8


def try_grader(
    functions: FunctionService, arn: str, records: Sequence[Record]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scores of the first records' own references, and of empty completions to the same prompts.

    Raises:
        GraderFailure: The grader raised, timed out, or answered nonsense.
    """
    known = [record for record in islice(records, N_SAMPLES) if record.reference is not None]
    return (
        _grade(functions, arn, known, [_text(record) for record in known]),
        _grade(functions, arn, known, [""] * len(known)),
    )


def _text(record: Record) -> str:
    from airflow_provider_bedrock_rft.core.codec import canonical_json

    return record.reference if isinstance(record.reference, str) else canonical_json(record.reference).decode()


def _grade(
    functions: FunctionService, arn: str, records: Sequence[Record], completions: Sequence[str]
) -> tuple[float, ...]:
    from airflow_provider_bedrock_rft.core.grader.trial.cases import sample_of
    from airflow_provider_bedrock_rft.core.steps.grader_versions import invoke_grader

    samples = [
        sample_of(record, completion, record.record_id) for record, completion in zip(records, completions, strict=True)
    ]
    scores = list(invoke_grader(functions, arn, samples).values())
    _refuse_failures(arn, scores)
    return tuple(score.value for score in scores)


def _refuse_failures(arn: str, scores: Sequence[Score]) -> None:
    """Our handler scores a sample that the grader failed on at the floor, and says so in a metric."""
    failed = [name.partition(".")[2] for score in scores for name in score.metrics if name.startswith("grader_error.")]
    if failed:
        raise GraderFailure(
            f"The grader {arn} raised {', '.join(sorted(set(failed)))} on {len(failed)} of {len(scores)} tries.",
            action="Its log says where; mend it and deploy again.",
        )
