"""Have a model of the native plane answer a file of questions in one batch job, made once and waited for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Deadline
from airflow_provider_bedrock_rft.core.codec import canonical_json, fingerprint, payload
from airflow_provider_bedrock_rft.core.errors import (
    InvalidInput,
    JobFailure,
    ResourceNotFound,
    TransientServiceError,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob, BatchOrder, BatchState, may_ask_in_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.ports import CompletionRequest, ObjectStore
    from airflow_provider_bedrock_rft.core.steps.batching import BatchService


@payload("rft.batch_inference")
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInference:
    """What a batch job has answered.

    Attributes:
        job_id: Its ARN.
        status: The service's word; ``PartiallyCompleted``, ``Expired`` and ``Stopped`` leave answers behind, too.
        model: Who answered.
        input_uri: The questions.
        output_uri: Prefix of the answers, Bedrock's ``.jsonl.out`` files.
        n_records: Questions.
        n_done: Of these, processed.
    """

    job_id: str
    status: str
    model: str
    input_uri: str
    output_uri: str
    n_records: int
    n_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWait:
    """How a batch job is waited for.

    Attributes:
        deadline_at: When to give up, epoch seconds; the job goes on.
        pause_seconds: Between two looks.
        wait: Waits instead of sleeping; it may not return: whoever asks again goes on with the same job.
    """

    deadline_at: float
    pause_seconds: float = 60.0
    wait: Callable[[BatchJob], None] | None = None


class BatchRoom:
    """The folder of one set of questions to one model; the same set always finds it again."""

    def __init__(self, service: BatchService, objects: ObjectStore, *, artifacts_uri: str) -> None:
        self._service = service
        self._objects = objects
        self._uri = f"{artifacts_uri.rstrip('/')}/batch"

    def order(self, asks: Sequence[tuple[str, CompletionRequest]], *, model: str, role_arn: str) -> BatchOrder:
        """Store the questions, and say what is asked for; after a job that failed, by another job.

        Raises:
            InvalidInput: Batch inference does not serve the model.
        """
        if not may_ask_in_batch(model):
            raise InvalidInput(
                f"{model} is not served in batch.",
                action="Give a base model, an inference profile or a custom model's ARN; not a deployment.",
            )
        questions = self._service.questions(asks)
        folder = f"{self._uri}/{fingerprint([model, questions.decode()])[:24]}"
        self._objects.put_bytes(f"{folder}/input.jsonl", questions)
        order = BatchOrder(
            model=model, role_arn=role_arn, input_uri=f"{folder}/input.jsonl", output_uri=f"{folder}/output/"
        )
        while (known := self._known(order)) and self._service.get(known).state is BatchState.FAILED:
            order = replace(order, attempt=order.attempt + 1)
        return order

    def job_of(self, order: BatchOrder) -> str:
        """The order's job, made unless there is one; Bedrock makes one of all requests with the order's token."""
        known = self._known(order)
        if known:
            return known
        job_id = self._service.create(order).job_id
        self._objects.put_bytes(_place_of(order), canonical_json({"job_id": job_id}))
        return job_id

    def _known(self, order: BatchOrder) -> str:
        try:
            return str(json.loads(self._objects.get(_place_of(order)))["job_id"])
        except ResourceNotFound:
            return ""


def await_batch(
    service: BatchService, order: BatchOrder, job_id: str, *, wait: BatchWait, clock: Clock
) -> BatchInference:
    """The ended job.

    Raises:
        JobFailure: It failed; the next try makes another.
        WaitTimeout: It took longer than allowed; it goes on, and the next try waits for it.
    """
    deadline = Deadline(at=wait.deadline_at)
    job = service.get(job_id)
    while job.state is BatchState.UNDER_WAY:
        if deadline.has_passed(clock):
            raise WaitTimeout(
                f"The batch job {job_id} is still {job.status}, and goes on.",
                action="Run the task again: it goes on waiting.",
            )
        if wait.wait:
            wait.wait(job)
        clock.sleep(min(wait.pause_seconds, max(0.0, deadline.remaining(clock))))
        job = _looked_at(service, job)
    if job.state is BatchState.FAILED:
        raise JobFailure(
            f"The batch job {job_id} failed: {job.message or 'the service gives no reason'}.",
            action="Mend the cause, then clear the task: that makes another job.",
            job_id=job_id,
        )
    return BatchInference(
        job_id=job_id,
        status=job.status,
        model=order.model,
        input_uri=order.input_uri,
        output_uri=f"{order.output_uri}{job_id.rpartition('/')[2]}/",
        n_records=job.n_records,
        n_done=job.n_done,
    )


def _looked_at(service: BatchService, last: BatchJob) -> BatchJob:
    try:
        return service.get(last.job_id)
    except TransientServiceError:
        return last


def _place_of(order: BatchOrder) -> str:
    return f"{order.output_uri.removesuffix('output/')}job-{order.attempt:03d}.json"
