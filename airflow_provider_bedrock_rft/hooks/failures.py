"""Which of our errors a retry cannot mend, in Airflow's terms."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import (
    BudgetExceeded,
    InvalidInput,
    JobAlarm,
    RequestRejected,
    SubmissionConflict,
    UnsupportedOperation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FINAL = (InvalidInput, RequestRejected, UnsupportedOperation, SubmissionConflict, BudgetExceeded, JobAlarm)
"""The same call ends the same way: a retry would only delay the news."""


@contextmanager
def failing_fast() -> Iterator[None]:
    """Turn errors of :data:`FINAL` into ``AirflowFailException``, which skips the task's remaining retries."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    try:
        yield
    except FINAL as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
