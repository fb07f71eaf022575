"""How a running job is watched, and what ends it early."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import BudgetExceeded
from airflow_provider_bedrock_rft.core.job.alarm import Action, AlarmPolicy, Budget
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.job.diagnosis import JobFinding
    from airflow_provider_bedrock_rft.core.job.job import Job


@payload("rft.oversight")
@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    """What the user asked for.

    Attributes:
        alarms: What follows from a finding.
        budget: What the job may use up.
        artifacts_uri: Events and findings are written below it; empty keeps none.
        lineage_uri: Where the run's manifests are: evaluations of the job's checkpoints are looked for there.
    """

    alarms: AlarmPolicy = field(default_factory=AlarmPolicy)
    budget: Budget = field(default_factory=Budget)
    artifacts_uri: str = ""
    lineage_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The wait is to end.

    Attributes:
        ending: As it is told once the job was stopped, if it is to be.
        stops: Stop the job first.
    """

    ending: Ending
    stops: bool

    def unless_stopped(self, reason: str) -> Ending:
        """The ending when the service refuses to stop the job."""
        return replace(self.ending, message=f"{self.ending.message} The job could not be stopped: {reason}")


def judge(
    job: Job, findings: Sequence[JobFinding], oversight: Oversight, *, created_at: float, now: float
) -> Verdict | None:
    """What ends a running job, or the wait for it; a budget, which counts from ``created_at``, before an alarm."""
    try:
        oversight.budget.check(job.job_id, created_at=created_at, now=now)
    except BudgetExceeded as error:
        message = f"{error.message} The job was stopped."
        return Verdict(ending=_ending(job, EndingKind.BUDGET, message, error.action), stops=True)
    action, alarming = oversight.alarms.harshest(findings)
    if action not in {Action.FAIL, Action.STOP}:
        return None
    stops = action is Action.STOP
    consequence = "The job was stopped." if stops else "The job is still running."
    return Verdict(ending=_alarm(job, alarming, consequence), stops=stops)


def judge_ended(job: Job, findings: Sequence[JobFinding], oversight: Oversight) -> Ending | None:
    """What makes a job that has made a model fail all the same; nothing of it depends on when it is looked at."""
    action, alarming = oversight.alarms.harshest(findings)
    return _alarm(job, alarming, "The job had ended before.") if action in {Action.FAIL, Action.STOP} else None


def _alarm(job: Job, findings: Sequence[JobFinding], consequence: str) -> Ending:
    told = " ".join(f"Alarm {found.code.value} at step {found.step}: {found.message}" for found in findings)
    actions = " ".join(dict.fromkeys(found.action for found in findings))
    return _ending(job, EndingKind.ALARM, f"{told} {consequence} (Job {job.job_id})", actions)


def _ending(job: Job, kind: EndingKind, message: str, action: str) -> Ending:
    return Ending(job_id=job.job_id, reason=kind, message=message, action=action, tuned_model=job.tuned_model)
