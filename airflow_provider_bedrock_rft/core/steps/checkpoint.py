"""List a job's checkpoints, and choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.ports import TrainingService


def list_checkpoints(training: TrainingService, job_id: str) -> tuple[Checkpoint, ...]:
    """The job's checkpoints by step, each once, those without a callable model left out."""
    by_step = {checkpoint.step: checkpoint for checkpoint in training.list_checkpoints(job_id) if checkpoint.model}
    return tuple(by_step[step] for step in sorted(by_step))
