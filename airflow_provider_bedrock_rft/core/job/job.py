"""A remote training job as both planes describe it, and what it reports while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.codec import payload


@payload("rft.job")
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One remote training job.

    Attributes:
        job_id: ``ftjob-…`` (Mantle) or the job's ARN (native).
        status: The service's own word; :func:`~.status.outcome_of` says what it means.
        model: Base model id.
        training_data: File id or S3 URI the job was created with.
        grader_arn: Lambda ARN the job was created with.
        created_at: Epoch seconds, UTC.
        finished_at: Epoch seconds, or ``None`` while it runs.
        tuned_model: Id or ARN of the result, empty until there is one.
        name: Job name, empty on planes without names.
        token: The intent's token, where the plane gives it back; empty elsewhere.
        error_code: The service's code, empty when nothing failed.
        error_message: The service's sentence, empty when nothing failed.
        hyperparameters: As the service reports them; those that we have a word for, under our word.
    """

    job_id: str
    status: str
    model: str
    training_data: str
    grader_arn: str
    created_at: float
    finished_at: float | None = None
    tuned_model: str = ""
    name: str = ""
    token: str = ""
    error_code: str = ""
    error_message: str = ""
    hyperparameters: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One line of a job's log. ``metrics`` is empty for plain messages.

    Attributes:
        event_id: Unique within the job.
        created_at: Epoch seconds, UTC.
        level: ``info``, ``warn`` or ``error``.
        message: For people; nothing matches on it.
        step: Training step (from 1) of a metrics event, else ``None``.
        total_steps: Planned steps of a metrics event, else ``None``.
        metrics: Metric name → number, in the service's names (``critic_rewards_mean``, ``actor_entropy`` …).
    """

    event_id: str
    created_at: float
    level: str
    message: str
    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
