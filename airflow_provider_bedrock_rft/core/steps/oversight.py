"""Watch one job: read what is new, keep it, diagnose the curve, and say what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.diagnosis import Code, JobFinding, Observation, diagnose
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.job.oversight import judge, judge_ended
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.core.steps.watching import PATIENCE, read_new_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.job.ending import Ending
    from airflow_provider_bedrock_rft.core.job.oversight import Oversight, Verdict
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.core.steps.held_out import HeldOutRewards
    from airflow_provider_bedrock_rft.core.steps.metrics import JobRecord

TRUTH_EVERY = 5
"""Looks between two searches for evaluations of checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look has brought.

    Attributes:
        events: New ones, oldest first.
        findings: New ones; each rule is told once.
        troubles: What could not be read or kept now; the next look tries again.
    """

    events: tuple[JobEvent, ...] = ()
    findings: tuple[JobFinding, ...] = ()
    troubles: tuple[RftError, ...] = ()


class Overseer:
    """The memory of one job's watching.

    Args:
        oversight: What the user asked for; ``None`` reads the events and judges nothing.
        record: Gives the place where events and findings are kept; ``None`` keeps none. Called until it succeeds.
        held_out: Tells what evaluations of the job's checkpoints have found; asked now and then.
    """

    def __init__(
        self,
        oversight: Oversight | None,
        record: Callable[[], JobRecord] | None = None,
        held_out: HeldOutRewards | None = None,
    ) -> None:
        self._oversight = oversight
        self._open = record
        self._record: JobRecord | None = None
        self._known: set[str] = set()
        self._told: set[Code] = set()
        self._unkept: dict[str, JobEvent] = {}
        self._unkept_findings: dict[Code, JobFinding] = {}
        self._curve = Curve()
        self._held_out = held_out
        self._truth: tuple[float, ...] = ()
        self._n_looks = 0
        self._found: tuple[JobFinding, ...] = ()

    def look(self, training: TrainingService, job: Job, *, now: float, patience: int = PATIENCE) -> Seen:
        """Read, keep and diagnose; never raises errors of ours, for news does not decide whether a wait goes on.

        The last look, at a job that has ended, reads everything once more: what is kept is then complete. Silence is no
        finding then.
        """
        troubles: list[RftError] = []
        self._quietly(troubles, self._remember)
        is_last = outcome_of(job.status) is not None
        events: list[JobEvent] = []
        if training.capabilities.has_events:
            self._quietly(troubles, lambda: events.extend(self._new_events(training, job, patience, is_last=is_last)))
        if self._held_out and (is_last or self._n_looks % TRUTH_EVERY == 0):
            self._quietly(troubles, lambda: self._learn_truth(training, job))
        self._n_looks += 1
        findings = self._diagnose(now=0.0 if is_last else now)
        self._quietly(troubles, self._keep)
        return Seen(events=tuple(events), findings=tuple(findings), troubles=tuple(troubles))

    def verdict(self, job: Job, *, created_at: float, now: float) -> Verdict | None:
        """What ends the wait for a running job early; its budget counts from ``created_at`` by our clock."""
        if self._oversight is None:
            return None
        return judge(job, self._found, self._oversight, created_at=created_at, now=now)

    def last_word(self, job: Job) -> Ending | None:
        """What makes a job with a model a failure all the same."""
        if self._oversight is None or outcome_of(job.status) is not Outcome.SUCCEEDED:
            return None
        return judge_ended(job, self._found, self._oversight)

    def _new_events(self, training: TrainingService, job: Job, patience: int, *, is_last: bool) -> list[JobEvent]:
        listed = read_new_events(training, job.job_id, () if is_last else self._known, patience=patience)
        new = [event for event in listed if event.event_id not in self._known]
        self._known.update(event.event_id for event in new)
        if self._oversight:
            self._curve = self._curve.extended(new)
        if self._open:
            self._unkept.update((event.event_id, event) for event in (listed if is_last else new))
        return new

    def _diagnose(self, *, now: float) -> list[JobFinding]:
        if self._oversight is None:
            return []
        self._found = diagnose(Observation(curve=self._curve, now=now, held_out=self._truth))
        new = [finding for finding in self._found if finding.code not in self._told]
        self._told.update(finding.code for finding in new)
        if self._open:
            self._unkept_findings.update((finding.code, finding) for finding in new)
        return new

    def _learn_truth(self, training: TrainingService, job: Job) -> None:
        if self._held_out:
            self._truth = self._held_out.rewards(training, job)

    def _remember(self) -> None:
        """Go on where an earlier process was killed."""
        if self._record is not None or self._open is None:
            return
        record = self._open()
        events, findings = record.events(), record.findings()
        self._known.update(event.event_id for event in events)
        self._told.update(finding.code for finding in findings)
        self._curve = self._curve.extended(events)
        self._record = record

    def _keep(self) -> None:
        if self._record is None:
            return
        if self._unkept:
            self._record.add_events(self._unkept.values())
            self._unkept.clear()
        if self._unkept_findings:
            self._record.add_findings(self._unkept_findings.values())
            self._unkept_findings.clear()

    @staticmethod
    def _quietly(troubles: list[RftError], action: Callable[[], None]) -> None:
        try:
            action()
        except RftError as error:
            troubles.append(error)
