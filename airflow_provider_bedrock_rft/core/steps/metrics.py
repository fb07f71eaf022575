"""A job's events and findings, kept as JSON lines in the object store while they come.

Below ``<artifacts_uri>/jobs/<job>/``: ``events-00000.jsonl`` has steps 0 to 99 and so on, ``messages.jsonl`` the events
without a step, ``findings.jsonl`` what the diagnosis found. An object is replaced as a whole by the union of what it
holds and what is new, by id: killed at any point and started again, nothing is lost and nothing is there twice.
"""

from __future__ import annotations

from collections import defaultdict
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_bedrock_rft.core.codec import canonical_json
from airflow_provider_bedrock_rft.core.errors import InvalidPayload, ResourceNotFound
from airflow_provider_bedrock_rft.core.job.diagnosis import JobFinding
from airflow_provider_bedrock_rft.core.job.job import JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_bedrock_rft.core.ports import ObjectStore

T = TypeVar("T")

STEPS_PER_OBJECT = 100


class _Line(msgspec.Struct):
    """An event as it is written: JSON has no word for NaN."""

    event_id: str
    created_at: float
    level: str
    message: str
    step: int | None = None
    total_steps: int | None = None
    metrics: dict[str, float | None] = {}


class JobRecord:
    """What is kept of one job.

    Args:
        objects: Where it is kept.
        artifacts_uri: The run's artefacts.
        job_id: Id or ARN; the last part of an ARN names the folder.
    """

    def __init__(self, objects: ObjectStore, *, artifacts_uri: str, job_id: str) -> None:
        self._objects = objects
        self.uri = f"{artifacts_uri.rstrip('/')}/jobs/{job_id.rsplit('/', 1)[-1]}"

    def events(self) -> list[JobEvent]:
        """The events that are kept, oldest first."""
        found = [
            _event(_read(line, _Line))
            for uri in self._objects.list(f"{self.uri}/")
            if not uri.endswith("/findings.jsonl")
            for line in self._lines(uri)
        ]
        return sorted(found, key=lambda event: (event.created_at, event.step or 0, event.event_id))

    def findings(self) -> list[JobFinding]:
        """The findings that are kept."""
        return [_read(line, JobFinding) for line in self._lines(f"{self.uri}/findings.jsonl")]

    def add_events(self, events: Iterable[JobEvent]) -> None:
        """Keep these too."""
        by_object: dict[str, dict[str, bytes]] = defaultdict(dict)
        for event in events:
            by_object[_object_of(event)][event.event_id] = canonical_json(event)
        for name, lines in by_object.items():
            self._merge(f"{self.uri}/{name}", lines, key=_event_id)

    def add_findings(self, findings: Iterable[JobFinding]) -> None:
        """Keep these too; the first of each rule stays."""
        lines = {found.code.value: canonical_json(found) for found in findings}
        self._merge(f"{self.uri}/findings.jsonl", lines, key=_code)

    def _merge(self, uri: str, lines: Mapping[str, bytes], *, key: Callable[[bytes], str]) -> None:
        kept = self._lines(uri)
        known = {key(line) for line in kept}
        new = [line for name, line in lines.items() if name not in known]
        if new:
            self._objects.put_bytes(uri, b"\n".join([*kept, *new]) + b"\n")

    def _lines(self, uri: str) -> list[bytes]:
        try:
            return self._objects.get(uri).splitlines()
        except ResourceNotFound:
            return []


class _Id(msgspec.Struct):
    event_id: str


class _Code(msgspec.Struct):
    code: str


def _event_id(line: bytes) -> str:
    return _read(line, _Id).event_id


def _code(line: bytes) -> str:
    return _read(line, _Code).code


def _read(line: bytes, cls: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=cls)
    except msgspec.DecodeError as error:
        raise InvalidPayload(
            f"A line of the job's record cannot be read: {error}.", action="Move the object away; it is written anew."
        ) from None


def _object_of(event: JobEvent) -> str:
    if event.step is None:
        return "messages.jsonl"
    return f"events-{event.step // STEPS_PER_OBJECT * STEPS_PER_OBJECT:05d}.jsonl"


def _event(line: _Line) -> JobEvent:
    return JobEvent(
        event_id=line.event_id,
        created_at=line.created_at,
        level=line.level,
        message=line.message,
        step=line.step,
        total_steps=line.total_steps,
        metrics={name: value for name, value in line.metrics.items() if value is not None and isfinite(value)},
    )
