"""Wait for a job: one look at a time, the same look inline and in a trigger's thread."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.job.ending import Ending, ending_by_error, ending_by_timeout, ending_of_job
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.waiting import GiveUp, Sleep, WaitPlan, move_after_error, next_move

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.ports import TrainingService


MORE_JOBS = 300
"""Jobs of others that a listing goes through besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a job and what follows from it.

    Attributes:
        ending: Set when waiting is over.
        pause_seconds: Until the next look, when it is not.
        job: As seen, ``None`` when the look failed.
        n_failures: Failed looks in a row, this one included.
        error: Why the look failed.
    """

    ending: Ending | None = None
    pause_seconds: float = 0.0
    job: Job | None = None
    n_failures: int = 0
    error: RftError | None = None


def look_at_job(training: TrainingService, plan: WaitPlan, *, n_failures: int, clock: Clock, random: Random) -> Look:
    """Retrieve the job once and decide; raises nothing of ours, so that a waiter ends with a sentence, not a trace.

    Args:
        training: Where the job is.
        plan: What is waited for.
        n_failures: Failed looks in a row before this one.
        clock: The present.
        random: Jitter of the pause after a failed look.
    """
    try:
        job = training.get_job(plan.job_id)
        move = next_move(job.status, clock.now(), plan)
    except RftError as error:
        return _after_error(error, plan, n_failures + 1, clock, random)
    if isinstance(move, Sleep):
        return Look(pause_seconds=move.seconds, job=job)
    return Look(ending=_timeout(plan) if isinstance(move, GiveUp) else ending_of_job(job), job=job)


def wait_for_job(
    training: TrainingService,
    plan: WaitPlan,
    *,
    clock: Clock,
    random: Random,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Ending:
    """Look until there is an ending; ``on_look`` is told of every look."""
    n_failures = 0
    while True:
        look = look_at_job(training, plan, n_failures=n_failures, clock=clock, random=random)
        on_look(look)
        if look.ending:
            return look.ending
        n_failures = look.n_failures
        clock.sleep(look.pause_seconds)


def list_statuses(training: TrainingService, wanted: Collection[str], *, created_after: float) -> dict[str, str]:
    """The listed status of the jobs that are ``wanted``; it may be old, and some jobs may be missing.

    Stops when all are found, and does not go through a long history for a few that are not.
    """
    found: dict[str, str] = {}
    for job in islice(training.list_jobs(created_after=created_after), len(wanted) * 3 // 2 + MORE_JOBS):
        if job.job_id in wanted:
            found[job.job_id] = job.status
        if len(found) == len(wanted):
            break
    return found


def _after_error(error: RftError, plan: WaitPlan, n_failures: int, clock: Clock, random: Random) -> Look:
    try:
        move = move_after_error(error, n_failures, clock.now(), plan, random)
    except RftError as final:
        return Look(ending=ending_by_error(plan.job_id, final), n_failures=n_failures, error=final)
    if isinstance(move, Sleep):
        return Look(pause_seconds=move.seconds, n_failures=n_failures, error=error)
    return Look(ending=_timeout(plan), n_failures=n_failures, error=error)


def _timeout(plan: WaitPlan) -> Ending:
    return ending_by_timeout(plan.job_id, waited_seconds=plan.deadline_at - plan.created_at)
