"""List a job's checkpoints, and choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.checkpoint.selection import (
    SelectionRule,
    choose_best,
    choose_latest,
    choose_within_one_standard_error,
)
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.checkpoint.selection import CheckpointChoice, CheckpointScore
    from airflow_provider_bedrock_rft.core.ports import TrainingService


def list_checkpoints(training: TrainingService, job_id: str) -> tuple[Checkpoint, ...]:
    """The job's checkpoints by step, each step once (the newest), those without a callable model left out."""
    seen = sorted(training.list_checkpoints(job_id), key=lambda checkpoint: (checkpoint.step, checkpoint.created_at))
    by_step = {checkpoint.step: checkpoint for checkpoint in seen if checkpoint.model}
    return tuple(by_step.values())


def select_checkpoint(
    training: TrainingService,
    job_id: str,
    *,
    rule: SelectionRule = SelectionRule.LATEST,
    score: Callable[[Checkpoint], CheckpointScore] | None = None,
) -> CheckpointChoice:
    """The job's checkpoint to go on with.

    Args:
        training: Where the job is.
        job_id: The job.
        rule: How to choose; every rule but ``latest`` needs ``score``.
        score: Scores one checkpoint on the selection split.

    Raises:
        InvalidInput: There is no checkpoint, or no way to score one.
    """
    checkpoints = list_checkpoints(training, job_id)
    if rule is SelectionRule.LATEST or not checkpoints:
        return choose_latest(checkpoints)
    if score is None:
        raise InvalidInput(
            f"The rule {rule.value!r} needs scores of the checkpoints.",
            action="Evaluate them on a selection split, or use the rule 'latest'.",
        )
    scores = [score(checkpoint) for checkpoint in checkpoints]
    return choose_best(scores) if rule is SelectionRule.BEST else choose_within_one_standard_error(scores)
