"""Find the job of a request whose reply never came."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.errors import TransientServiceError
from airflow_provider_bedrock_rft.core.job.attempt import answers_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.attempt import Attempt
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
    from airflow_provider_bedrock_rft.core.ports import TrainingService

MAX_FAILED_LOOKS = 8
_BACKOFF = Backoff(first_seconds=2.0, max_seconds=30.0)


def find_job(
    training: TrainingService,
    attempt: Attempt,
    *,
    until: float,
    take: Callable[[Job], bool],
    clock: Clock,
    policy: SubmissionPolicy,
) -> Job | None:
    """The oldest job that answers to ``attempt`` and that ``take`` accepts, as a retrieve shows it.

    Looks until that time, since a new job may come late to the listing. "None" is only concluded from a look that
    succeeded after it.

    Raises:
        TransientServiceError: Too many looks in a row failed: whether there is a job is not known.
    """
    random = Random(attempt.token)  # jitter, the same in every process
    n_failed = 0
    while True:
        looked_at = clock.now()
        try:
            job = _look(training, attempt, take, policy)
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


def _look(
    training: TrainingService, attempt: Attempt, take: Callable[[Job], bool], policy: SubmissionPolicy
) -> Job | None:
    since = attempt.opened_at - policy.skew_seconds
    answering = (
        job
        for job in training.list_jobs(created_after=since)
        if answers_to(job, attempt, skew_seconds=policy.skew_seconds)
    )
    for job in sorted(answering, key=lambda job: (job.created_at, job.job_id)):
        if take(job):
            return training.get_job(job.job_id)
    return None
