"""A checkpoint: a callable state of the model at one training step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.codec import payload


@payload("rft.checkpoint")
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One checkpoint of a job.

    Attributes:
        checkpoint_id: Unique within the job.
        job_id: The job it belongs to.
        step: Training step (from 1) after which it was taken.
        model: Model id that answers requests with this checkpoint.
        created_at: Epoch seconds, UTC.
        metrics: Metric name → number, as the service reports them; often empty.
    """

    checkpoint_id: str
    job_id: str
    step: int
    model: str
    created_at: float
    metrics: Mapping[str, float] = field(default_factory=dict)
