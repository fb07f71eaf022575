"""Many waits, few calls: whose job is looked at in this round, and whose is only looked up in the list of jobs.

A look retrieves the job and its events, which costs two calls; a page of the list tells the status of a hundred jobs. A
listing may be old, so that it never ends a wait: it only says who deserves a look. In turn everybody gets one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import UnknownStatus
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOKS_PER_ROUND = 5
"""Looks that nothing but their turn asks for. Up to so many waits are never listed."""

SLACK = 0.25
"""Share of its pause by which a wait may come early, so that it shares a round with others."""

LOOK_BACK_SECONDS = 86_400.0
"""How much older than its wait a job may be and still be listed: sensors start late."""


@dataclass(slots=True, kw_only=True)
class Wait:
    """One wait, as the rota sees it.

    Attributes:
        plan: What is waited for.
        due_at: When it wants to know more, epoch seconds.
        pause_seconds: How long it has been willing to wait for that.
        looked_at: When it had its last look; 0 before the first.
        always_looks: The list of jobs cannot tell what it waits for.
    """

    plan: WaitPlan
    due_at: float
    pause_seconds: float = 0.0
    looked_at: float = 0.0
    always_looks: bool = False

    def postpone(self, now: float, pause_seconds: float) -> None:
        """Ask again after a pause, but not later than at its deadline."""
        self.pause_seconds = pause_seconds
        self.due_at = now + pause_seconds
        if now < self.plan.fixed_at < self.due_at:
            self.due_at = self.plan.fixed_at

    def is_due(self, now: float) -> bool:
        """True when it belongs to a round that starts now."""
        return self.due_at <= now + SLACK * self.pause_seconds

    def must_look(self, now: float) -> bool:
        """True when a listing would not do."""
        return self.always_looks or now >= self.plan.fixed_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round does.

    Attributes:
        looks: Waits that look at their job.
        listed: Waits whose jobs are looked up in the list.
    """

    looks: tuple[Wait, ...]
    listed: tuple[Wait, ...]

    @property
    def created_after(self) -> float:
        """How far back the listing has to go, epoch seconds."""
        return min(wait.plan.created_at for wait in self.listed) - LOOK_BACK_SECONDS


def plan_round(waits: Iterable[Wait], now: float) -> Round:
    """The round that starts now: whoever must look looks, and those that have not for longest; the rest is listed."""
    due = sorted((wait for wait in waits if wait.is_due(now)), key=lambda wait: wait.looked_at)
    must = [wait for wait in due if wait.must_look(now)]
    may = [wait for wait in due if not wait.must_look(now)]
    return Round(looks=(*must, *may[:LOOKS_PER_ROUND]), listed=tuple(may[LOOKS_PER_ROUND:]))


def is_news(status: str) -> bool:
    """True when a listed status is a reason to look: the job seems to have ended, or nobody knows the word."""
    try:
        return outcome_of(status) is not None
    except UnknownStatus:
        return True
