"""The attempts of one task instance, and the claims on jobs, in an intent store.

Every attempt is a document of its own that is created once; a claim is a document named after the job. Both rely on
the store's ``create``: of two that are made at once, one wins.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.job.attempt import Attempt

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.ports import IntentStore


class AttemptLedger:
    """What was intended for one key, oldest first."""

    def __init__(self, intents: IntentStore, key: str) -> None:
        self.key = key
        self._intents = intents

    def attempts(self) -> list[Attempt]:
        """All attempts, oldest first."""
        found: list[Attempt] = []
        while (document := self._intents.read(self._place(len(found) + 1))) is not None:
            found.append(load(Attempt, dict(document)))
        return found

    def open(self, attempt: Attempt) -> Attempt:
        """Write a new attempt down; when its number is taken already, the one that took it."""
        place = self._place(attempt.number)
        while not self._intents.create(place, dump(attempt)):
            document = self._intents.read(place)
            if document is not None:
                return load(Attempt, dict(document))
        return attempt

    def save(self, attempt: Attempt) -> Attempt:
        """Write down how far an attempt has come."""
        self._intents.write(self._place(attempt.number), dump(attempt))
        return attempt

    def claim(self, job_id: str, attempt: Attempt) -> bool:
        """Make the job this attempt's; false when it is another's. Claiming again what is ours succeeds."""
        place = f"claims/{hashlib.sha256(job_id.encode()).hexdigest()[:32]}"
        claim = {"job_id": job_id, "token": attempt.token, "key": attempt.key}
        if self._intents.create(place, claim):
            return True
        found = self._intents.read(place)
        return found is not None and found.get("token") == attempt.token

    def _place(self, number: int) -> str:
        return f"{self.key}/{number:03d}"
