"""How a submission may go, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.job.attempt import Attempt
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec


class How(str, Enum):
    """How the task came by its job."""

    CREATED = "created"
    FOUND = "found"
    REATTACHED = "reattached"
    ADOPTED_SUCCESS = "adopted_success"


_STORY = {
    How.CREATED: "Created job {job_id} (attempt {attempt}).",
    How.FOUND: "Found job {job_id}: an earlier request of attempt {attempt} had created it, its reply was lost.",
    How.REATTACHED: "Attached again to job {job_id} of attempt {attempt}; no job was created.",
    How.ADOPTED_SUCCESS: (
        "Took over the result of job {job_id} (attempt {attempt}): it succeeded earlier in this run and its inputs have"
        ' not changed. Set on_success_rerun="train" to train again on Clear.'
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPolicy:
    """What a submission may do.

    Attributes:
        max_attempts: Jobs of one content within one generation; a failed or cancelled one is replaced up to here.
        on_success_rerun: Of a rerun that a person asked for, after a success with the same inputs: ``adopt`` the
            result, or ``train`` again.
        generation: Changes when a person asks for a rerun (Clear), not when the scheduler retries.
        settle_seconds: How long after a request without a reply its job may still come to light.
        look_seconds: Pause between two looks for it.
        skew_seconds: How far the service's clock may be behind ours.
        max_sends: Requests to create within one call, when none of them left a job behind.
    """

    max_attempts: int = 2
    on_success_rerun: Literal["adopt", "train"] = "adopt"
    generation: str = ""
    settle_seconds: float = 60.0
    look_seconds: float = 3.0
    skew_seconds: float = 300.0
    max_sends: int = 3


@payload("rft.submission")
@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job that this task may wait for.

    Attributes:
        job_id: The job.
        attempt: Which attempt of the task it is, from 1.
        adopted: True when this call created no job.
        how: How the task came by it.
        created_at: When the job was created, by the service's clock.
        key: The task instance.
        token: The attempt's token.
        content_fingerprint: Of what is trained.
        superseded_job_id: A job of other content that was asked to stop in its favour; empty when there was none.
        is_inherited: The job was made before the Clear that made this rerun, and was still running.
    """

    job_id: str
    attempt: int
    adopted: bool
    how: How
    created_at: float
    key: str
    token: str
    content_fingerprint: str
    superseded_job_id: str = ""
    is_inherited: bool = False

    def story(self) -> str:
        """One sentence for the task's log."""
        told = _STORY[self.how].format(job_id=self.job_id, attempt=self.attempt)
        stopped = f" Job {self.superseded_job_id} was stopped: its inputs have changed since."
        return told + (stopped if self.superseded_job_id else "")


def may_attach(attempt: Attempt, job: Job, spec: JobSpec, policy: SubmissionPolicy) -> bool:
    """True when ``job`` is what a task with ``spec`` should wait for."""
    if attempt.is_released or attempt.spec.content_fingerprint() != spec.content_fingerprint():
        return False
    outcome = outcome_of(job.status)
    if outcome is Outcome.SUCCEEDED:
        return policy.on_success_rerun == "adopt" or attempt.generation == policy.generation
    return outcome is None


def check_attempts_left(attempts: Sequence[Attempt], job: Job | None, spec: JobSpec, policy: SubmissionPolicy) -> None:
    """Refuse one attempt too many.

    Raises:
        JobFailure: Within this generation, ``max_attempts`` jobs of this content have ended without a model.
    """
    content = spec.content_fingerprint()
    mine = [a for a in attempts if a.generation == policy.generation and a.spec.content_fingerprint() == content]
    if len(mine) < policy.max_attempts:
        return
    last = f"job {job.job_id} {job.status}" if job else "no job"
    reason = f": {job.error_message}" if job and job.error_message else ""
    raise JobFailure(
        f"{len(mine)} of {policy.max_attempts} attempts ended without a model, the last with {last}{reason}.",
        action="Mend the cause, then clear the task: that grants new attempts.",
        attempts=[attempt.job_id for attempt in mine],
    )
