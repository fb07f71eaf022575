"""Questions ordered in batch, so that whoever comes after a killed worker collects what was ordered and paid."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump, fingerprint, load, payload
from airflow_provider_bedrock_rft.core.errors import InvalidPayload, JobFailure
from airflow_provider_bedrock_rft.core.evaluation.answer import AnswerKey
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob, BatchOrder, BatchState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest, ObjectStore


@payload("rft.batch_order")
@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An order that was written down before it was placed.

    Attributes:
        uri: Where it is written down.
        order: What was asked for.
        keys: The questions, in the order of their records' ids.
        job_id: Of the job that was made; empty until that is known.
        is_closed: The answers are stored, or the job failed.
    """

    uri: str
    order: BatchOrder
    keys: tuple[AnswerKey, ...]
    job_id: str = ""
    is_closed: bool = False


class BatchService(Protocol):
    """The port; like those of :mod:`core.ports`."""

    def questions(self, asks: Sequence[tuple[str, CompletionRequest]]) -> bytes:
        """The file of questions, each with the id of its record."""
        ...

    def create(self, order: BatchOrder) -> BatchJob:
        """Begin a job; the same order never makes a second one."""
        ...

    def get(self, job_id: str) -> BatchJob:
        """The job as it is now."""
        ...

    def answers(self, order: BatchOrder, job_id: str) -> Iterator[tuple[str, Completion]]:
        """The completions of a job that has ended, by record id; records that were not answered are left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAccess:
    """How an evaluation gets at batch inference.

    Attributes:
        service: Makes the jobs.
        pause_seconds: Between two looks at a job.
        wait: Waits so long instead of sleeping; it may not return: whoever evaluates again goes on with the same job.
    """

    service: BatchService
    pause_seconds: float = 60.0
    wait: Callable[[float, BatchJob], None] | None = None


class BatchDesk:
    """Orders for one model under one set of settings."""

    def __init__(self, objects: ObjectStore, *, access: BatchAccess, uri: str, clock: Clock) -> None:
        self._objects = objects
        self._access = access
        self._service = access.service
        self._uri = uri.rstrip("/")
        self._clock = clock

    def open_orders(self) -> Iterator[PlacedOrder]:
        """Orders whose answers have not been stored, whoever placed them."""
        return (placed for placed in self._orders("") if not placed.is_closed)

    def place(self, asks: Sequence[tuple[AnswerKey, CompletionRequest]], *, role_arn: str) -> PlacedOrder:
        """Order the answers; nothing is sent before it is written down what is ordered."""
        name = fingerprint([[key.sample_id, key.index, key.prompt] for key, _ in asks])[:16]
        attempt = 1 + sum(1 for _ in self._orders(name))
        folder = f"{self._uri}/{name}-{attempt}"
        placed = PlacedOrder(
            uri=f"{folder}/order.json",
            order=BatchOrder(
                model=asks[0][1].model,
                role_arn=role_arn,
                input_uri=f"{folder}/input.jsonl",
                output_uri=f"{folder}/output/",
                attempt=attempt,
            ),
            keys=tuple(key for key, _ in asks),
        )
        numbered = [(_record_id(number), request) for number, (_, request) in enumerate(asks)]
        self._objects.put_bytes(placed.order.input_uri, self._service.questions(numbered))
        self._write(placed)
        return placed

    def collect(self, placed: PlacedOrder) -> dict[AnswerKey, Completion]:
        """The answers to an order, once its job has ended; the job is made if it was not.

        Raises:
            JobFailure: The job ended without answering anything.
        """
        if not placed.job_id:
            placed = replace(placed, job_id=self._service.create(placed.order).job_id)
            self._write(placed)
        job = self._service.get(placed.job_id)
        while job.state is BatchState.UNDER_WAY:
            self._wait(job)
            job = self._service.get(placed.job_id)
        answers = {} if job.state is BatchState.FAILED else dict(self._service.answers(placed.order, job.job_id))
        if not answers:
            self.close(placed)
            raise JobFailure(
                f"The batch job {job.job_id} of {placed.order.model} ended as {job.status} without an answer: "
                f"{job.message or 'no reason given'}",
                action="Mend what is named here, or leave out batch_role_arn to ask one by one.",
                job_id=job.job_id,
            )
        return {key: answers[name] for name, key in _numbered(placed.keys) if name in answers}

    def close(self, placed: PlacedOrder) -> None:
        """Its answers are stored: nobody needs to collect them again."""
        self._write(replace(placed, is_closed=True))

    def _wait(self, job: BatchJob) -> None:
        if self._access.wait is not None:
            self._access.wait(self._access.pause_seconds, job)
        else:
            self._clock.sleep(self._access.pause_seconds)

    def _orders(self, name: str) -> Iterator[PlacedOrder]:
        for uri in self._objects.list(f"{self._uri}/{name}"):
            if uri.endswith("/order.json"):
                yield _parse(self._objects.get(uri), uri)

    def _write(self, placed: PlacedOrder) -> None:
        self._objects.put_bytes(placed.uri, canonical_json(dump(placed)))


def _parse(data: bytes, uri: str) -> PlacedOrder:
    try:
        return load(PlacedOrder, json.loads(data))
    except ValueError:
        raise InvalidPayload(f"{uri} is no order of ours.", action="Remove the object and run again.") from None


def _numbered(keys: Sequence[AnswerKey]) -> Iterator[tuple[str, AnswerKey]]:
    return ((_record_id(number), key) for number, key in enumerate(keys))


def _record_id(number: int) -> str:
    """Eleven characters, as Bedrock documents."""
    return f"{number:011}"
