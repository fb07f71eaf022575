"""Find the job of a request whose reply never came."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.errors import TransientServiceError
from airflow_provider_bedrock_rft.core.job.attempt import answers_to

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.attempt import Attempt
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.core.steps.attempts import AttemptLedger

MAX_FAILED_LOOKS = 8
_BACKOFF = Backoff(first_seconds=2.0, max_seconds=30.0)


def find_job(
    training: TrainingService, ledger: AttemptLedger, attempt: Attempt, *, clock: Clock, policy: SubmissionPolicy
) -> Job | None:
    """The job that answers to ``attempt`` and is no other attempt's; claimed, and as a retrieve shows it.

    Looks until ``settle_seconds`` after the latest request, since a new job may come late to the listing. "None"
    is only concluded from a look that succeeded after that time.

    Raises:
        TransientServiceError: Too many looks in a row failed: whether there is a job is not known.
    """
    until = (attempt.sent_at or attempt.opened_at) + policy.settle_seconds
    random = Random(attempt.token)  # jitter, the same in every process
    n_failed = 0
    while True:
        looked_at = clock.now()
        try:
            job = _look(training, ledger, attempt, policy)
        except TransientServiceError:
            n_failed += 1
            if n_failed == MAX_FAILED_LOOKS:
                raise
            clock.sleep(_BACKOFF.pause(n_failed, random))
            continue
        if job or looked_at >= until:
            return job
        n_failed = 0
        clock.sleep(min(policy.look_seconds, until - looked_at))


def _look(training: TrainingService, ledger: AttemptLedger, attempt: Attempt, policy: SubmissionPolicy) -> Job | None:
    since = attempt.opened_at - policy.skew_seconds
    answering = (
        job
        for job in training.list_jobs(created_after=since)
        if answers_to(job, attempt, skew_seconds=policy.skew_seconds)
    )
    for job in sorted(answering, key=lambda job: (job.created_at, job.job_id)):
        if ledger.claim(job.job_id, attempt):
            return training.get_job(job.job_id)
    return None
