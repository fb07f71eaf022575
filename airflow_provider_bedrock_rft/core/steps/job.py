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
    ServiceError,
    SubmissionConflict,
    Throttled,
    TransientServiceError,
)
from airflow_provider_bedrock_rft.core.job.attempt import Attempt
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
            return _submission(attempt, got, superseded)
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
    if last.job_id:
        training.cancel_job(last.job_id)
    return last.job_id


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

    def open(self, spec: JobSpec, *, number: int) -> Attempt:
        """Write the next intent down; when somebody was faster, theirs."""
        now = self.clock.now()
        fresh = Attempt.to_train(spec, key=self.ledger.key, number=number, generation=self.policy.generation, now=now)
        return self.ledger.open(fresh)

    def job_of(self, attempt: Attempt, *, wanted: JobSpec) -> _Got | None:
        """The attempt's job; created only when the attempt is still about what is ``wanted``."""
        if attempt.job_id:
            job = self._recorded(attempt)
            return _Got(job=job, how=_how_again(job)) if job else None
        if attempt.spec.content_fingerprint() != wanted.content_fingerprint() or attempt.is_released:
            return self._found(attempt)
        return self._obtained(attempt)

    def _recorded(self, attempt: Attempt) -> Job | None:
        try:
            return self.training.get_job(attempt.job_id)
        except ResourceNotFound:
            if self.clock.now() < (attempt.sent_at or attempt.opened_at) + self.policy.settle_seconds:
                raise  # too young to be gone
            return None

    def _found(self, attempt: Attempt) -> _Got | None:
        if attempt.sent_at is None:
            return None
        job = find_job(self.training, self.ledger, attempt, clock=self.clock, policy=self.policy)
        if job is None or not self._take(job, attempt):
            return None
        return _Got(job=job, how=How.FOUND)

    def _obtained(self, attempt: Attempt) -> _Got:
        """Search where a job may exist, then ask for one."""
        failure: ServiceError | None = None
        for n_sent in range(1, self.policy.max_sends + 1):
            if not self._is_repeatable and (got := self._found(attempt)):
                return got
            attempt = self.ledger.save(replace(attempt, sent_at=self.clock.now()))
            try:
                job = self._create(attempt)
            except TransientServiceError as error:
                failure = error
                attempt = self._after(error, attempt, n_sent)
            except ServiceError:
                self.ledger.save(replace(attempt, sent_at=None))  # refused: no job can exist
                raise
            else:
                if self._take(job, attempt):
                    return _Got(job=job, how=How.CREATED)
        if got := self._found(attempt):
            return got
        raise failure or _snatched(attempt)

    @property
    def _is_repeatable(self) -> bool:
        return self.training.capabilities.has_idempotency_token

    def _create(self, attempt: Attempt) -> Job:
        named = self.training.capabilities.has_job_names
        spec = replace(attempt.spec, name=attempt.job_name) if named else attempt.spec
        try:
            return self.training.create_job(spec, token=attempt.token)
        except ResourceConflict:
            ours = named and find_job(self.training, self.ledger, attempt, clock=self.clock, policy=self.policy)
            if not ours:
                raise  # somebody else's job has the name
            return ours

    def _after(self, error: TransientServiceError, attempt: Attempt, n_sent: int) -> Attempt:
        """Pause where nothing was created; elsewhere the search that follows is the pause."""
        nothing_sent = isinstance(error, Throttled) or error.details.get("request_sent") is False
        if nothing_sent or self._is_repeatable:
            self.clock.sleep(self.policy.look_seconds * n_sent)
        return self.ledger.save(replace(attempt, sent_at=None)) if nothing_sent else attempt

    def _take(self, job: Job, attempt: Attempt) -> bool:
        if not self.ledger.claim(job.job_id, attempt):
            return False
        self.ledger.save(replace(attempt, job_id=job.job_id))
        return True


def _how_again(job: Job) -> How:
    return How.ADOPTED_SUCCESS if outcome_of(job.status) is Outcome.SUCCEEDED else How.REATTACHED


def _snatched(attempt: Attempt) -> SubmissionConflict:
    return SubmissionConflict(
        f"Other tasks took every job that was created for attempt {attempt.number} of {attempt.key}.",
        action="Start tasks with identical inputs one after the other, or turn identify_jobs on.",
        token=attempt.token,
    )


def _submission(attempt: Attempt, got: _Got, superseded: str) -> Submission:
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
    )
