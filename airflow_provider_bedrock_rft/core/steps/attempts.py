"""The attempts of one task instance, their requests, and the claims on jobs, in an intent store.

Every attempt, every further request of it, its choice of a job and every claim on a job is a document that is created
once. All rely on the store's ``create``: of two that are made at once, one wins.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.job.attempt import Attempt, Send

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.ports import IntentStore


class AttemptLedger:
    """What was intended for one key, oldest first."""

    def __init__(self, intents: IntentStore, key: str) -> None:
        self.key = key
        self._intents = intents
        self._taken: set[str] = set()

    def attempts(self) -> list[Attempt]:
        """All attempts, oldest first."""
        found: list[Attempt] = []
        while (document := self._intents.read(self._place(len(found) + 1))) is not None:
            found.append(load(Attempt, dict(document)))
        return found

    def open(self, attempt: Attempt) -> tuple[Attempt, Send | None]:
        """Write a new attempt down, with the right to its first request; or the one that has its number."""
        place = self._place(attempt.number)
        while not self._intents.create(place, dump(attempt)):
            document = self._intents.read(place)
            if document is not None:
                return load(Attempt, dict(document)), None
        return attempt, _first_send(attempt)

    def last_send(self, attempt: Attempt) -> Send:
        """The latest request that somebody had the right to send."""
        last = _first_send(attempt)
        while (document := self._intents.read(self._place_of_send(attempt, last.number + 1))) is not None:
            last = load(Send, dict(document))
        return last

    def reserve(self, attempt: Attempt, number: int, *, now: float) -> Send | None:
        """The right to send that request, ``None`` when another process has it."""
        send = Send(number=number, sent_at=now)
        return send if self._intents.create(self._place_of_send(attempt, number), dump(send)) else None

    def save(self, attempt: Attempt) -> Attempt:
        """Write down how far an attempt has come."""
        self._intents.write(self._place(attempt.number), dump(attempt))
        return attempt

    def chosen(self, attempt: Attempt) -> str:
        """The job that the attempt's processes have agreed on, unless another attempt has it; empty before that."""
        number = 1
        while (document := self._intents.read(self._place_of_choice(attempt, number))) is not None:
            if not self.is_taken(str(document["job_id"]), attempt):
                return str(document["job_id"])
            number += 1
        return ""

    def choose(self, job_id: str, attempt: Attempt) -> str:
        """The job that the attempt's processes agree on: this one, unless one of them was faster."""
        number = 1
        while not self._intents.create(self._place_of_choice(attempt, number), {"job_id": job_id}):
            document = self._intents.read(self._place_of_choice(attempt, number)) or {}
            found = str(document.get("job_id", job_id))
            if found == job_id or not self.is_taken(found, attempt):
                return found
            number += 1
        return job_id

    def claim(self, job_id: str, attempt: Attempt) -> bool:
        """Make the job this attempt's; false when it is another's. Claiming again what is ours succeeds.

        A claim is never given back. Choose the job first: two processes of one attempt would else claim one each.
        """
        claim = {"job_id": job_id, "token": attempt.token, "key": attempt.key}
        return self._intents.create(_claim_on(job_id), claim) or not self.is_taken(job_id, attempt)

    def is_taken(self, job_id: str, attempt: Attempt) -> bool:
        """True when another attempt has claimed the job."""
        if job_id in self._taken:
            return True
        found = self._intents.read(_claim_on(job_id))
        taken = found is not None and found.get("token") != attempt.token
        self._taken |= {job_id} if taken else set()
        return taken

    def _place(self, number: int) -> str:
        return f"{self.key}/{number:03d}"

    def _place_of_choice(self, attempt: Attempt, number: int) -> str:
        return f"{self._place(attempt.number)}/job-{number:03d}"

    def _place_of_send(self, attempt: Attempt, number: int) -> str:
        return f"{self._place(attempt.number)}/send-{number:03d}"


def _first_send(attempt: Attempt) -> Send:
    return Send(number=1, sent_at=attempt.opened_at)


def _claim_on(job_id: str) -> str:
    return f"claims/{hashlib.sha256(job_id.encode()).hexdigest()[:32]}"
