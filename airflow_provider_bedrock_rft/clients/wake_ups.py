"""Job state changes that EventBridge has put into an SQS queue: news that comes, instead of being asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_MESSAGES = 10
"""SQS gives no more at once."""


class QueuedWakeUps:
    """The ``WakeUps`` of one SQS queue.

    A message about a job that nobody here waits for is left in the queue: it may be for another triggerer, and the
    queue's own retention removes it in the end.
    """

    def __init__(self, sqs: Any, queue_url: str) -> None:  # noqa: ANN401 - boto3's client
        self._sqs = sqs
        self._url = queue_url

    def receive(self, wanted: Collection[str], *, wait_seconds: int) -> frozenset[str]:
        """The jobs of ``wanted`` whose state has changed; empty when there was none within the wait."""
        with translated(f"Receive job events from {self._url}"):
            reply = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=wait_seconds
            )
        found: set[str] = set()
        for message in reply.get("Messages", []):
            job_id = job_in(message["Body"])
            if job_id in wanted:
                found.add(job_id)
                with translated(f"Delete a job event from {self._url}"):
                    self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return frozenset(found)


def job_in(body: str) -> str:
    """The ARN of the job that an event is about; empty where it is no such event."""
    try:
        event = json.loads(body)
        detail = event["detail"]
        return str(detail.get("jobArn") or detail.get("batchJobArn") or "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
