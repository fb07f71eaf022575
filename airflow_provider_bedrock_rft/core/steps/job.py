"""Have exactly one job per intent, and wait for it.

Adopt before you submit: an intent is written before a job is asked for, an intent without a job is searched for before
another request is sent, and the job is claimed and written down afterwards. ``docs/adr`` has the reasoning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import (
    ResourceConflict,
    ResourceNotFound,
    RftError,
    SubmissionConflict,
    Throttled,
    TransientServiceError,
)
from airflow_provider_bedrock_rft.core.job.attempt import Attempt, Send
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.core.job.submission import (
    How,
    Submission,
    SubmissionPolicy,
    check_attempts_left,
    may_attach,
)
from airflow_provider_bedrock_rft.core.steps.attempts import AttemptLedger
from airflow_provider_bedrock_rft.core.steps.search import find_job

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.ports import IntentStore, TrainingService

_DEFAULT_POLICY = SubmissionPolicy()

CLEAR_SECONDS = 6.0
"""How long a cleared task's new try leaves the old try's kill to reach the job."""

STALL_SECONDS = 5.0
"""Writing an intent takes less than this, unless the process was stopped meanwhile."""


def submit_job(
    training: TrainingService,
    intents: IntentStore,
    *,
    key: str,
    spec: JobSpec,
    clock: Clock,
    policy: SubmissionPolicy = _DEFAULT_POLICY,
) -> Submission:
    """The job that answers to this intent: attached to, found, or created; never a second one.

    May be killed at any line and called again. ``key`` must be the same for all tries of one task instance.

    Raises:
        JobFailure: No attempt is left.
        SubmissionConflict: Other tasks with the same inputs keep taking the jobs that were created for this one.
        ServiceError: The service refused, or could not be reached for longer than the retries of this call.
    """
    desk = _Desk(training, AttemptLedger(intents, key), clock, policy)
    attempts = desk.ledger.attempts()
    superseded = ""
    while True:
        if not attempts:
            attempts = [desk.open(spec, number=1)]
        attempt = attempts[-1]
        got = desk.job_of(attempt, wanted=spec)
        if got and (got.how is How.CREATED or may_attach(attempt, got.job, spec, policy)):
            return _submission(attempt, got, superseded, policy)
        job = got.job if got else None
        check_attempts_left(attempts, job, spec, policy)
        if job and outcome_of(job.status) is None:
            training.cancel_job(job.job_id)
            superseded = job.job_id
        attempts = [*attempts, desk.open(spec, number=attempt.number + 1)]


def release_job(training: TrainingService, intents: IntentStore, *, key: str) -> str:
    """Stop the job of a task that was killed, and see to it that no rerun attaches to it; returns its id, if any."""
    ledger = AttemptLedger(intents, key)
    attempts = ledger.attempts()
    if not attempts:
        return ""
    last = replace(attempts[-1], is_released=True)
    ledger.save(last)
    job_id = ledger.chosen(last) or last.job_id
    if not job_id or ledger.is_taken(job_id, last):
        return ""
    training.cancel_job(job_id)
    return job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Got:
    job: Job
    how: How


class _Desk:
    """One call's way to the job of an attempt."""

    def __init__(
        self, training: TrainingService, ledger: AttemptLedger, clock: Clock, policy: SubmissionPolicy
    ) -> None:
        self.training = training
        self.ledger = ledger
        self.clock = clock
        self.policy = policy
        self._right: Send | None = None

    def open(self, spec: JobSpec, *, number: int) -> Attempt:
        """Write the next intent down; when somebody was faster, theirs."""
        now = self.clock.now()
        fresh = Attempt.to_train(spec, key=self.ledger.key, number=number, generation=self.policy.generation, now=now)
        attempt, self._right = self.ledger.open(fresh)
        return attempt

    def job_of(self, attempt: Attempt, *, wanted: JobSpec) -> _Got | None:
        """The attempt's job; created only when the attempt is still about what is ``wanted``."""
        job_id = "" if self._right else self.ledger.chosen(attempt) or attempt.job_id
        if job_id and self._take(job_id, attempt):
            job = self._recorded(replace(attempt, job_id=job_id))
            return _Got(job=job, how=_how_again(job)) if job else None
        attempt = replace(attempt, job_id="")
        if attempt.spec.content_fingerprint() != wanted.content_fingerprint() or attempt.is_released:
            return self._found(attempt, self.ledger.last_send(attempt))
        return self._repeated(attempt) if self.training.capabilities.has_idempotency_token else self._obtained(attempt)

    def _recorded(self, attempt: Attempt) -> Job | None:
        try:
            job = self.training.get_job(attempt.job_id)
            if attempt.generation == self.policy.generation or outcome_of(job.status) is not None:
                return job
            # Clear stops the job of the task that it interrupts, at about the time at which the new try starts.
            self.clock.sleep(CLEAR_SECONDS)
            return self.training.get_job(attempt.job_id)
        except ResourceNotFound:
            if self.clock.now() < self.ledger.last_send(attempt).sent_at + self.policy.settle_seconds:
                raise  # too young to be gone
            return None

    def _repeated(self, attempt: Attempt) -> _Got:
        """Ask until there is an answer: the plane makes one job of all requests with the attempt's token."""
        for n_sent in range(1, self.policy.max_sends):
            try:
                return self._created(attempt, n_sent)
            except TransientServiceError:  # noqa: PERF203 - each request has its own
                self.clock.sleep(self.policy.look_seconds * n_sent)
        return self._created(attempt, self.policy.max_sends)

    def _obtained(self, attempt: Attempt) -> _Got:
        """Search where a job may exist, then ask for one."""
        failure: RftError | None = None
        for _ in range(self.policy.max_sends):
            right = self._job_or_right(attempt)
            if isinstance(right, _Got):
                return right
            if right is None:
                continue
            try:
                job = self._create(attempt, right.number)
            except TransientServiceError as error:
                failure = error
                attempt = self._after(error, attempt, right)
                continue
            try:
                return self._claimed(job, attempt)
            except (SubmissionConflict, TransientServiceError) as error:  # there is a job: the next search finds it
                failure = error
        got = self._found(attempt, self.ledger.last_send(attempt))
        if got is None:
            raise failure or _snatched(attempt)
        return got

    def _job_or_right(self, attempt: Attempt) -> _Got | Send | None:
        """The job, if one comes to light; else the right to send one request, ``None`` when another process has it."""
        send, self._right = self._right, None
        if send is None:
            last = self.ledger.last_send(attempt)
            if got := self._found(attempt, last):
                return got
            send = self.ledger.reserve(attempt, last.number + 1, now=self.clock.now())
        return None if send is None or self._was_stalled(send) else send

    def _was_stalled(self, send: Send) -> bool:
        """True when another process may have searched in vain and sent by now: a paused worker that wakes up late."""
        return self.clock.now() - send.sent_at > max(STALL_SECONDS, self.policy.settle_seconds / 4)

    def _found(self, attempt: Attempt, last: Send) -> _Got | None:
        if last.number <= attempt.n_refused:
            return None
        job = self._search(attempt, until=last.sent_at + self.policy.settle_seconds)
        return _Got(job=job, how=How.FOUND) if job else None

    def _search(self, attempt: Attempt, *, until: float) -> Job | None:
        def take(job: Job) -> bool:
            return self._take(job.job_id, attempt)

        return find_job(self.training, attempt, until=until, take=take, clock=self.clock, policy=self.policy)

    def _created(self, attempt: Attempt, number: int) -> _Got:
        return self._claimed(self._create(attempt, number), attempt)

    def _claimed(self, job: Job, attempt: Attempt) -> _Got:
        if self._take(job.job_id, attempt):
            return _Got(job=job, how=How.CREATED)
        chosen = self.ledger.chosen(attempt)  # by another process of this attempt, which took a twin's job
        if chosen and self._take(chosen, attempt):
            return _Got(job=self.training.get_job(chosen), how=How.FOUND)
        raise _snatched(attempt)

    def _create(self, attempt: Attempt, number: int) -> Job:
        named = self.training.capabilities.has_job_names
        spec = replace(attempt.spec, name=attempt.job_name) if named else attempt.spec
        try:
            return self.training.create_job(spec, token=attempt.token)
        except TransientServiceError:
            raise
        except RftError as error:
            has_name = named and isinstance(error, ResourceConflict)
            ours = self._search(attempt, until=self.clock.now()) if has_name else None
            if ours is None:  # refused, or somebody else's job has the name: no job of ours can exist
                self.ledger.save(replace(attempt, n_refused=number))
                raise
            return ours

    def _after(self, error: TransientServiceError, attempt: Attempt, send: Send) -> Attempt:
        """Pause where nothing was created; elsewhere the search that follows is the pause."""
        if not isinstance(error, Throttled) and error.details.get("request_sent") is not False:
            return attempt
        self.clock.sleep(self.policy.look_seconds * send.number)
        return self.ledger.save(replace(attempt, n_refused=send.number))

    def _take(self, job_id: str, attempt: Attempt) -> bool:
        """Choose the job, write it down, then claim it; undone when another attempt was faster."""
        if self.ledger.is_taken(job_id, attempt) or self.ledger.choose(job_id, attempt) != job_id:
            return False
        if attempt.job_id != job_id:
            self.ledger.save(replace(attempt, job_id=job_id))
        if self.ledger.claim(job_id, attempt):
            return True
        self.ledger.save(replace(attempt, job_id=""))
        return False


def _how_again(job: Job) -> How:
    return How.ADOPTED_SUCCESS if outcome_of(job.status) is Outcome.SUCCEEDED else How.REATTACHED


def _snatched(attempt: Attempt) -> SubmissionConflict:
    return SubmissionConflict(
        f"Other tasks took every job that was created for attempt {attempt.number} of {attempt.key}.",
        action="Start tasks with identical inputs one after the other, or turn identify_jobs on.",
        token=attempt.token,
    )


def _submission(attempt: Attempt, got: _Got, superseded: str, policy: SubmissionPolicy) -> Submission:
    return Submission(
        job_id=got.job.job_id,
        attempt=attempt.number,
        adopted=got.how is not How.CREATED,
        how=got.how,
        created_at=got.job.created_at,
        key=attempt.key,
        token=attempt.token,
        content_fingerprint=attempt.spec.content_fingerprint(),
        superseded_job_id=superseded,
        is_inherited=attempt.generation != policy.generation and outcome_of(got.job.status) is None,
    )
