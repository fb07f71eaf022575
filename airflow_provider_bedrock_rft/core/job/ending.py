"""How waiting for a job ended: one value for all who wait, and the one place that turns it into an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import (
    BudgetExceeded,
    JobAlarm,
    JobCancellation,
    JobFailure,
    RftError,
    ServiceError,
    UnknownStatus,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.job.job import Job


class EndingKind(str, Enum):
    """Why nobody waits any longer."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ALARM = "alarm"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    UNKNOWN_STATUS = "unknown_status"
    ERROR = "error"


_ERRORS: dict[EndingKind, type[RftError]] = {
    EndingKind.FAILED: JobFailure,
    EndingKind.CANCELLED: JobCancellation,
    EndingKind.ALARM: JobAlarm,
    EndingKind.BUDGET: BudgetExceeded,
    EndingKind.TIMEOUT: WaitTimeout,
    EndingKind.UNKNOWN_STATUS: UnknownStatus,
    EndingKind.ERROR: ServiceError,
}


def _with_kinds(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _with_kinds(kind)


_SERVICE_ERRORS = {kind.__name__: kind for kind in _with_kinds(ServiceError)}


@payload("rft.ending")
@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How waiting for one job ended.

    Attributes:
        job_id: The job.
        reason: Only ``succeeded`` is success.
        message: One sentence, empty on success.
        action: What to do next, empty on success.
        tuned_model: Id or ARN of the result, empty without one.
        error: Which :class:`ServiceError` looking at the job failed with; empty for any other ending.
    """

    job_id: str
    reason: EndingKind
    message: str = ""
    action: str = ""
    tuned_model: str = ""
    error: str = ""

    def ensure_success(self) -> None:
        """Return only on success.

        Raises:
            JobFailure: The job ended without a model.
            JobCancellation: The job was cancelled.
            JobAlarm: A rule that the user made an alarm found something.
            BudgetExceeded: The job was stopped because its budget is used up.
            WaitTimeout: We gave up; the job is still running.
            UnknownStatus: The service used a word that we do not know.
            ServiceError: Looking at the job failed for good.
        """
        if self.reason is not EndingKind.SUCCEEDED:
            kind = _SERVICE_ERRORS.get(self.error, _ERRORS[self.reason])
            raise kind(self.message, action=self.action, job_id=self.job_id)


def ending_of_job(job: Job) -> Ending:
    """The ending of a job that has one.

    Raises:
        UnknownStatus: The status is in no table of ours.
        ValueError: The job is still running.
    """
    outcome = outcome_of(job.status)
    if outcome is None:
        raise ValueError(f"Job {job.job_id} is {job.status}: it has not ended.")
    if outcome is Outcome.SUCCEEDED and job.tuned_model:
        return Ending(job_id=job.job_id, reason=EndingKind.SUCCEEDED, tuned_model=job.tuned_model)
    if outcome is Outcome.CANCELLED:
        return Ending(
            job_id=job.job_id,
            reason=EndingKind.CANCELLED,
            message=f"Job {job.job_id} was cancelled.",
            action="Clear the task to train again.",
            tuned_model=job.tuned_model,
        )
    said = (
        job.error_message or "the service names no tuned model" if outcome is Outcome.SUCCEEDED else job.error_message
    )
    return Ending(
        job_id=job.job_id,
        reason=EndingKind.FAILED,
        message=f"Job {job.job_id} failed: {(said or 'the service gives no reason').rstrip('.')}.",
        action="Mend the cause, then clear the task: that trains again.",
    )


def ending_by_timeout(job_id: str, *, waited_seconds: float) -> Ending:
    """We gave up; the job goes on."""
    return Ending(
        job_id=job_id,
        reason=EndingKind.TIMEOUT,
        message=f"Gave up waiting for job {job_id} after {waited_seconds / 3600:.1f} h; the job is still running.",
        action="Clear the task to go on waiting for the same job, or raise the time-out.",
    )


def ending_by_error(job_id: str, error: RftError) -> Ending:
    """Looking at the job failed in a way that waiting does not mend."""
    kind = EndingKind.UNKNOWN_STATUS if isinstance(error, UnknownStatus) else EndingKind.ERROR
    name = type(error).__name__ if kind is EndingKind.ERROR else ""
    return Ending(job_id=job_id, reason=kind, message=error.message, action=error.action, error=name)
