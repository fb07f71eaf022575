"""What to do after each look at a job: the one decision that operators, sensors, triggers and the terminal share.

Deadlines are absolute, so that a waiter that is restarted goes on with the time that was left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import TransientServiceError
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.oversight import Oversight
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of

if TYPE_CHECKING:
    from random import Random

    from airflow_provider_bedrock_rft.core.errors import RftError

DEFAULT_TIMEOUT_SECONDS = 24 * 3600.0
CLEAR_ARRIVES_SECONDS = 300.0
"""Triggerer's reaction, its call, our next look (at most 120 s later) and the scheduling of the resumed task."""

_BACKOFF = Backoff(first_seconds=2.0, max_seconds=120.0)


@payload("rft.wait_plan")
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPlan:
    """How long and how often to look at one job.

    Attributes:
        job_id: The job waited for.
        created_at: When the job was created, epoch seconds; its age slows the polling down.
        deadline_at: When to give up, epoch seconds. The job goes on after it.
        min_poll_seconds: Pause between two looks at a young job.
        max_poll_seconds: Pause between two looks at an old one.
        age_share: Pause as a share of the job's age: the end of a job is noticed at most this share late.
        oversight: How the job is watched; ``None`` when another task watches it.
        attached_at: When the task attached to a job that an earlier try had, after Clear; 0 when it did not.
    """

    job_id: str
    created_at: float
    deadline_at: float
    min_poll_seconds: float = 15.0
    max_poll_seconds: float = 120.0
    age_share: float = 0.02
    oversight: Oversight | None = None
    attached_at: float = 0.0

    @property
    def fixed_at(self) -> float:
        """When there must be a look, however little there is to see: deadline or end of the budget, epoch seconds."""
        budget_ends_at = self.oversight.budget.ends_at(self.created_at) if self.oversight else None
        return self.deadline_at if budget_ends_at is None else min(self.deadline_at, budget_ends_at)

    def poll_seconds(self, now: float) -> float:
        """The pause before the next look."""
        by_age = (now - self.created_at) * self.age_share
        return max(self.min_poll_seconds, min(self.max_poll_seconds, by_age))


def was_stopped_by_clear(ending: Ending, plan: WaitPlan, now: float) -> bool:
    """True when the job was cancelled soon after a cleared task had attached to it.

    Clear stops the job of the try that it interrupts, but from another process, which may be slower than the new try.
    """
    is_soon = plan.attached_at > 0 and now - plan.attached_at <= CLEAR_ARRIVES_SECONDS
    return is_soon and ending.reason is EndingKind.CANCELLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Look again after that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The job has ended, like this."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The deadline has passed; the job is still running. Never a success."""

    deadline_at: float


Move = Sleep | Finish | GiveUp


def next_move(status: str, now: float, plan: WaitPlan) -> Move:
    """What to do, given the status that the service reports.

    A job that has ended is finished however late it is seen; only a running one is given up.

    Raises:
        UnknownStatus: The status is in no table of ours.
    """
    outcome = outcome_of(status)
    if outcome is not None:
        return Finish(outcome=outcome)
    return _pause(plan.poll_seconds(now), now, plan)


def move_after_error(error: RftError, n_failures: int, now: float, plan: WaitPlan, random: Random) -> Move:
    """What to do after a look that failed for the ``n_failures``-th time in a row.

    Throttling, 5xx and lost connections are ridden out until the deadline. A failed look says nothing about the job,
    so the pause never falls below the one between two good looks by more than the backoff's own growth.

    Raises:
        RftError: ``error`` itself, when waiting does not mend it.
    """
    if not isinstance(error, TransientServiceError):
        raise error
    return _pause(_BACKOFF.pause(n_failures, random), now, plan)


def _pause(seconds: float, now: float, plan: WaitPlan) -> Sleep | GiveUp:
    left = plan.deadline_at - now
    return Sleep(seconds=min(seconds, left)) if left > 0 else GiveUp(deadline_at=plan.deadline_at)
