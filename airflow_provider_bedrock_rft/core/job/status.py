"""THE table from a service's status to our outcome. There is no second one."""

from __future__ import annotations

from enum import Enum

from airflow_provider_bedrock_rft.core.errors import UnknownStatus


class Outcome(str, Enum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OUTCOMES: dict[str, Outcome | None] = {
    # Mantle (openai FineTuningJob.status)
    "validating_files": None,
    "queued": None,
    "running": None,
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.FAILED,
    "cancelled": Outcome.CANCELLED,
    # native (botocore bedrock ModelCustomizationJobStatus)
    "InProgress": None,
    "Stopping": None,
    "Completed": Outcome.SUCCEEDED,
    "Failed": Outcome.FAILED,
    "Stopped": Outcome.CANCELLED,
}


def outcome_of(status: str) -> Outcome | None:
    """The outcome that ``status`` means, ``None`` while the job goes on.

    Raises:
        UnknownStatus: The word is not in the table; it is news, never success.
    """
    try:
        return OUTCOMES[status]
    except KeyError:
        raise UnknownStatus(
            f"The service reports the job status {status!r}, which this version does not know.",
            action="Look at the job in the console, and upgrade airflow-provider-bedrock-rft.",
            status=status,
        ) from None
