"""The customization jobs as documents: one writer's view that is ahead of the disk, and one for everybody else."""

from __future__ import annotations

import copy
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.store import Change, Store

JOB = "native-job"


class Stage(str, Enum):
    """What is to be done for a job after a restart; it is the document's label."""

    PREPARING = "preparing"
    TRAINING = "training"
    FINISHING = "finishing"
    ENDED = "ended"


class JobBook:
    """All jobs. Changes begin from the newest document, also when an earlier change is still on its way to the disk;
    replies show only what is on disk.
    """

    def __init__(self, store: Store, clock: EmulatorClock) -> None:
        self.shelf = Shelf(store, JOB, "model customization job", "jobArn", "jobName")
        self._clock = clock
        self._newest: dict[str, Json] = {}

    def latest(self, owner: str, arn: str) -> Json | None:
        """The newest document, to change it."""
        if arn not in self._newest:
            document = self.shelf.find(owner, arn)
            if document is None:
                return None
            self._newest[arn] = document
        return self._newest[arn]

    def new(self, owner: str, document: Json) -> tuple[Change, ...]:
        """The writes that store a new job."""
        self._newest[document["jobArn"]] = document
        return self.shelf.add(owner, document, label=document["stage"])

    def write(self, owner: str, document: Json, **members: object) -> Change:
        """The write that stores ``document`` with other ``members``."""
        document.update(members, lastModifiedTime=self._clock.now())
        self._newest[document["jobArn"]] = document
        return self.shelf.update(owner, copy.copy(document), label=str(Stage(document["stage"]).value))

    def forget(self, arn: str) -> None:
        """Nothing more is on its way to the disk for this job."""
        self._newest.pop(arn, None)


def with_details(document: Json, now: float, **statuses: str) -> Json:
    """The document's status details with some of them changed: validation, data processing, training."""
    details = copy.deepcopy(document.get("statusDetails") or {})
    for name, status in statuses.items():
        part = details.setdefault(f"{name}Details", {"creationTime": now})
        if part.get("status") != status:
            part.update(status=status, lastModifiedTime=now)
    return details
