"""Batch inference: many questions in one job of the native plane, cheaper and slower than one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint
from airflow_provider_bedrock_rft.core.errors import UnknownStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_RECORDS = 50_000
"""Records of one job, by Bedrock's quota."""
MIN_RECORDS = 100
"""Bedrock refuses smaller jobs."""
_MODEL = re.compile(
    r"(?:arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:"
    r"(?:foundation-model|inference-profile|application-inference-profile|custom-model)/"
    r"|(?:(?:us|eu|apac|jp|global)\.)?amazon\.).+"
)


class BatchState(str, Enum):
    """What a batch job's status means."""

    UNDER_WAY = "under_way"
    ANSWERED = "answered"
    FAILED = "failed"


STATES: Mapping[str, BatchState] = {
    # botocore bedrock ModelInvocationJobStatus
    "Submitted": BatchState.UNDER_WAY,
    "Validating": BatchState.UNDER_WAY,
    "Scheduled": BatchState.UNDER_WAY,
    "InProgress": BatchState.UNDER_WAY,
    "Stopping": BatchState.UNDER_WAY,
    "Completed": BatchState.ANSWERED,
    "PartiallyCompleted": BatchState.ANSWERED,
    "Expired": BatchState.ANSWERED,  # what was answered until then is written
    "Stopped": BatchState.ANSWERED,
    "Failed": BatchState.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What is asked for in one job. The same order has the same name in every process.

    Attributes:
        model: A base model, inference profile or custom model; deployments are not served in batch.
        role_arn: Role that Bedrock assumes to read and write.
        input_uri: The file of questions.
        output_uri: Prefix below which Bedrock writes.
        attempt: From 1; an order that failed is made again under another name.
    """

    model: str
    role_arn: str
    input_uri: str
    output_uri: str
    attempt: int = 1

    @property
    def name(self) -> str:
        """Of the job."""
        return f"rft-evaluation-{self.token[:32]}"

    @property
    def token(self) -> str:
        """The idempotency token: two requests with it make one job."""
        return fingerprint([self.model, self.input_uri, self.output_uri, self.attempt])


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A batch job as it is now.

    Attributes:
        job_id: Its ARN.
        status: The service's word.
        message: The service's sentence about it, mostly empty.
        n_done: Records done.
        n_records: Records of the job, 0 while it is not known.
    """

    job_id: str
    status: str
    message: str = ""
    n_done: int = 0
    n_records: int = 0

    @property
    def state(self) -> BatchState:
        """What the status means.

        Raises:
            UnknownStatus: The service used a word that is not in the table.
        """
        try:
            return STATES[self.status]
        except KeyError:
            raise UnknownStatus(
                f"The service reports the batch job status {self.status!r}, which this version does not know.",
                action="Look at the job in the console, and upgrade airflow-provider-bedrock-rft.",
                status=self.status,
            ) from None


def may_ask_in_batch(model: str) -> bool:
    """Whether batch inference serves this model at all."""
    return _MODEL.fullmatch(model) is not None


def answers_in_batch_only(model: str) -> bool:
    """Custom models answer one by one only through a deployment, which has an ARN of its own."""
    return ":custom-model/" in model
