"""One look after the other at what a task waits for; the inline wait and the trigger share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import (
    ConnectionLost,
    InvalidCredentials,
    InvalidPayload,
    RftError,
    TransientServiceError,
)
from airflow_provider_bedrock_rft.core.job.ending import Ending, ending_by_error
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.core.steps.checkpoint import list_checkpoints
from airflow_provider_bedrock_rft.core.steps.held_out import HeldOutRewards
from airflow_provider_bedrock_rft.core.steps.metrics import JobRecord
from airflow_provider_bedrock_rft.core.steps.oversight import Overseer, Seen
from airflow_provider_bedrock_rft.core.steps.waiting import Look, look_at_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
    from airflow_provider_bedrock_rft.core.ports import ObjectStore, TrainingService
    from airflow_provider_bedrock_rft.triggers.progress import Progress

Arrival = Ending | Checkpoint
"""What ends a wait, and the payload of the trigger's one event."""

MAX_REFUSALS = 5
"""Looks in a row that may be refused for their credentials before the wait ends."""

LOOKS_PER_CONNECTION = 5
"""Looks in a row that find nobody at the endpoint before the connection is read anew: it may name another by now."""

MAX_LAST_LOOKS = 5
LAST_LOOK_SECONDS = 2.0
"""How often, and after which pause, a job that has ended is looked at again while its events cannot be kept."""

PATIENCE = 20
"""Known events in a row after which a look takes the rest to be known: one page, usually."""


class Watch:
    """A wait, one look at a time.

    Args:
        plan: Which job, how often, and until when.
        connect: The control plane; called for every look.
        reconnect: Called when credentials were refused, before the next look.
        clock: Tells the time; nothing here sleeps.
        random: Jitter of the pauses after failed looks.
        progress: Where the job's news goes.
        checkpoint_step: Also wake at the first checkpoint at or after this step; ``None`` waits for the end only.
        objects: Where the job's events are kept; needed where the plan names a place for them.
    """

    def __init__(
        self,
        plan: WaitPlan,
        *,
        connect: Callable[[], TrainingService],
        reconnect: Callable[[], None],
        clock: Clock,
        random: Random,
        progress: Progress,
        checkpoint_step: int | None = None,
        objects: Callable[[], ObjectStore] | None = None,
    ) -> None:
        self._plan = plan
        self._connect = connect
        self._reconnect = reconnect
        self._clock = clock
        self._random = random
        self._progress = progress
        self._checkpoint_step = checkpoint_step
        self._n_failures = 0
        self._n_refusals = 0
        self._n_last_looks = 0
        self._overseer = Overseer(plan.oversight, self._record_in(objects), self._held_out_in(objects))

    def look(self) -> float | Arrival:
        """Look once: seconds to pause before the next look, or what has arrived."""
        training = self._training()
        look = look_at_job(training, self._plan, n_failures=self._n_failures, clock=self._clock, random=self._random)
        self._n_failures = look.n_failures
        if look.job is None:
            return self._after_failure(look)
        self._n_refusals = 0
        seen = self._show(training, look.job)
        arrived = self._checkpoint(training)
        if arrived is not None:
            return arrived
        if outcome_of(look.job.status) is not None and look.ending:
            return self._ended(look.job, look.ending, seen)
        return self._judged(training, look)

    def _training(self) -> TrainingService:
        try:
            return self._connect()
        except RftError as error:
            return cast("TrainingService", _Unreachable(error))

    def _after_failure(self, look: Look) -> float | Arrival:
        if look.error:
            self._progress.trouble(f"A look at the job failed, which does not affect the job. {look.error}")
        if isinstance(look.error, InvalidCredentials) and self._n_refusals < MAX_REFUSALS:
            self._n_refusals += 1
            self._reconnect()
            return float(self._plan.poll_seconds(self._clock.now()))
        if isinstance(look.error, ConnectionLost) and self._n_failures % LOOKS_PER_CONNECTION == 0:
            self._reconnect()
        return float(look.pause_seconds) if look.ending is None else look.ending

    def _show(self, training: TrainingService, job: Job) -> Seen:
        """News is welcome and never decides: a wait does not end because events cannot be read."""
        self._progress.status(job)
        if self._checkpoint_step is not None:
            return Seen()  # who waits for a checkpoint runs beside a task that tells the job's news
        seen = self._overseer.look(training, job, now=self._clock.now(), patience=PATIENCE)
        self._progress.show(seen.events)
        self._progress.alarm(seen.findings)
        for error in seen.troubles:
            self._progress.trouble(f"The job's events cannot be read or kept now. {error}")
        return seen

    def _ended(self, job: Job, ending: Ending, seen: Seen) -> float | Ending:
        """The ending, after some patience with events that cannot be read or kept just now."""
        if any(isinstance(error, TransientServiceError) for error in seen.troubles):
            self._n_last_looks += 1
            if self._n_last_looks < MAX_LAST_LOOKS:
                return min(LAST_LOOK_SECONDS, self._plan.min_poll_seconds)
        return self._overseer.last_word(job) or ending

    def _judged(self, training: TrainingService, look: Look) -> float | Ending:
        """The pause, unless an alarm or the budget ends the wait; a job that is to stop is stopped before."""
        since, now = self._plan.created_at, self._clock.now()
        verdict = self._overseer.verdict(look.job, created_at=since, now=now) if look.job else None
        if verdict is None:
            return float(look.pause_seconds) if look.ending is None else look.ending
        if not verdict.stops:
            return verdict.ending
        try:
            training.cancel_job(self._plan.job_id)
        except TransientServiceError as error:
            self._progress.trouble(f"The job cannot be stopped now; the next look tries again. {error}")
            return float(self._plan.min_poll_seconds)
        except RftError as error:
            return verdict.unless_stopped(str(error))
        return verdict.ending

    def _record_in(self, objects: Callable[[], ObjectStore] | None) -> Callable[[], JobRecord] | None:
        uri = self._plan.oversight.artifacts_uri if self._plan.oversight else ""
        if objects is None or not uri:
            return None
        return lambda: JobRecord(objects(), artifacts_uri=uri, job_id=self._plan.job_id)

    def _held_out_in(self, objects: Callable[[], ObjectStore] | None) -> HeldOutRewards | None:
        uri = self._plan.oversight.lineage_uri if self._plan.oversight else ""
        return HeldOutRewards(objects, uri) if objects and uri else None

    def _checkpoint(self, training: TrainingService) -> Arrival | None:
        if self._checkpoint_step is None:
            return None
        try:
            return first_checkpoint(training, self._plan.job_id, step=self._checkpoint_step)
        except TransientServiceError as error:
            self._progress.trouble(f"The job's checkpoints cannot be listed now. {error}")
            return None
        except RftError as error:
            return ending_by_error(self._plan.job_id, error)


class _Unreachable:
    """Stands for a control plane to which there is no way now: looking at it fails like any failed look."""

    def __init__(self, error: RftError) -> None:
        self._error = error

    def get_job(self, _job_id: str) -> Job:
        raise self._error


def first_checkpoint(training: TrainingService, job_id: str, *, step: int) -> Checkpoint | None:
    """The job's first checkpoint at or after ``step``, ``None`` while there is none."""
    return next((checkpoint for checkpoint in list_checkpoints(training, job_id) if checkpoint.step >= step), None)


def read_arrival(event: object) -> Arrival:
    """What a trigger's event says.

    Raises:
        InvalidPayload: There is no event, or it is not ours: never a success.
    """
    if event is None:
        raise InvalidPayload(
            "The task was resumed without an event.", action="Clear it: it finds its job again and goes on waiting."
        )
    kind = event.get("kind") if isinstance(event, dict) else None
    return load(Checkpoint, event) if kind == "rft.checkpoint" else load(Ending, event)
