"""A control plane and an intent store in memory, at whose every call the worker can die, stall or lose the reply.

The plane keeps the contract of ``core.ports.TrainingService`` and no more: like Mantle it creates a job for every
request that reaches it, lists late, and knows no tokens unless told to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import canonical_json
from airflow_provider_bedrock_rft.core.errors import (
    ConnectionLost,
    InvalidJobSpec,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
)
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.core.ports import Capabilities, StoredFile

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.ports import OnProgress

T = TypeVar("T")


class WorkerKilled(BaseException):
    """SIGKILL, as far as one process can feel it."""


@dataclass
class World:
    """What outlives every worker. ``calls`` counts the calls of the worker that is running now, from 1."""

    clock: FakeClock = field(default_factory=FakeClock)
    jobs: list[Job] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    events: dict[str, list[JobEvent]] = field(default_factory=dict)
    checkpoints: dict[str, list[Checkpoint]] = field(default_factory=dict)
    deleted_models: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    calls: int = 0
    kill_before: int = 0
    kill_after: int = 0
    list_lag_seconds: float = 0.0
    service_clock_offset: float = 0.0
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    lose_replies_to: list[str] = field(default_factory=list)
    turn: Callable[[str], None] = lambda _: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def call(self, name: str, action: Callable[[], T]) -> T:
        """One call over the network: it may never leave, be refused, or be carried out without its reply arriving."""
        self.turn(name)
        self.calls += 1
        number = self.calls
        self.log.append(name)
        if number == self.kill_before:
            raise WorkerKilled
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        with self.lock:
            answer = action()
        if number == self.kill_after:
            raise WorkerKilled
        if name in self.lose_replies_to:
            self.lose_replies_to.remove(name)
            raise ConnectionLost(f"No reply to {name}.")
        return answer

    def new_worker(self, *, kill_before: int = 0, kill_after: int = 0) -> None:
        """Start counting calls anew."""
        self.calls, self.kill_before, self.kill_after = 0, kill_before, kill_after

    def end(self, job_id: str, status: str, *, error_message: str = "", tuned_model: str = "") -> None:
        """Let a job end."""
        ended = {
            "status": status,
            "finished_at": self.service_now(),
            "error_message": error_message,
            "tuned_model": tuned_model or (f"tuned:{job_id}" if status == "succeeded" else ""),
        }
        self.jobs = [replace(job, **ended) if job.job_id == job_id else job for job in self.jobs]

    def service_now(self) -> float:
        """The service's own clock."""
        return self.clock.now() + self.service_clock_offset


@dataclass
class FakeTraining:
    """``TrainingService`` over a :class:`World`; ``native`` gives it names and idempotency tokens."""

    world: World
    native: bool = False
    returns_tokens: bool = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            plane="fake",
            has_events=True,
            has_checkpoints=True,
            has_idempotency_token=self.native,
            has_job_names=self.native,
            needs_deployment=self.native,
            stores_files=not self.native,
        )

    def upload_file(self, path: Path, *, name: str, on_progress: OnProgress | None = None) -> StoredFile:  # noqa: ARG002
        return self.world.call("upload_file", lambda: self._upload(path, name))

    def find_file(self, *, name: str) -> StoredFile | None:
        named = [file for file in self.world.files if file.name == name]
        return self.world.call("find_file", lambda: max(named, key=lambda file: file.created_at, default=None))

    def list_files(self) -> Iterator[StoredFile]:
        return iter(list(self.world.files))

    def delete_file(self, file_id: str) -> None:
        self.world.files = [file for file in self.world.files if file.file_id != file_id]

    def create_job(self, spec: JobSpec, *, token: str) -> Job:
        return self.world.call("create_job", lambda: self._create(spec, token))

    def request_for(self, spec: JobSpec, *, token: str) -> Mapping[str, object]:
        return {"model": spec.model, "role": spec.role_arn, "token": token, "name": spec.name}

    def get_job(self, job_id: str) -> Job:
        return self.world.call("get_job", lambda: self._job(job_id))

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        now = self.world.service_now()
        return iter(
            self.world.call(
                "list_jobs",
                lambda: [
                    replace(job, status="queued", name=job.name)  # a listing's status is old news
                    for job in reversed(self.world.jobs)
                    if job.created_at >= created_after and job.created_at + self.world.list_lag_seconds <= now
                ],
            )
        )

    def cancel_job(self, job_id: str) -> None:
        self.world.call("cancel_job", lambda: self._cancel(job_id))

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        return iter(self.world.call("list_events", lambda: list(reversed(self.world.events.get(job_id, [])))))

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        return iter(self.world.call("list_checkpoints", lambda: list(self.world.checkpoints.get(job_id, []))))

    def delete_model(self, model: str) -> None:
        self.world.deleted_models.append(model)

    def _upload(self, path: Path, name: str) -> StoredFile:
        number = len(self.world.files) + 1
        stored = StoredFile(
            file_id=f"file-{number}", name=name, size_bytes=path.stat().st_size, created_at=self.world.service_now()
        )
        self.world.files.append(stored)
        return stored

    def _create(self, spec: JobSpec, token: str) -> Job:
        if spec.model.startswith("unknown"):
            raise RequestRejected(f"The model {spec.model} does not exist.")
        if spec.model.startswith("invalid"):
            raise InvalidJobSpec(f"The model {spec.model} is none.")
        if self.native:
            same = [job for job in self.world.jobs if self.world.tokens[job.job_id] == token]
            if same:
                return same[0]
            if any(job.name == spec.name for job in self.world.jobs):
                raise ResourceConflict(f"The name {spec.name} is in use.")
        number = len(self.world.jobs) + 1
        job = Job(
            job_id=f"ftjob-{number}",
            status="queued",
            model=spec.model,
            training_data=spec.training_data,
            grader_arn=spec.grader_arn,
            created_at=float(int(self.world.service_now())),  # services report whole seconds
            name=spec.name if self.native else "",
            token=token if self.returns_tokens else "",
            hyperparameters={**spec.hyperparameters.given()},
        )
        self.world.tokens[job.job_id] = token
        self.world.jobs.append(job)
        return job

    def _job(self, job_id: str) -> Job:
        found = next((job for job in self.world.jobs if job.job_id == job_id), None)
        if found is None:
            raise ResourceNotFound(f"There is no job {job_id}.")
        return found

    def _cancel(self, job_id: str) -> None:
        if outcome_of(self._job(job_id).status) is None:
            self.world.end(job_id, "cancelled")


@dataclass
class FakeIntents:
    """``IntentStore`` over a :class:`World`."""

    world: World

    def read(self, key: str) -> Mapping[str, object] | None:
        import json

        def look() -> Mapping[str, object] | None:
            found = self.world.documents.get(key)
            return None if found is None else json.loads(found)

        return self.world.call("read", look)

    def write(self, key: str, document: Mapping[str, object]) -> None:
        self.world.call("write", lambda: self.world.documents.update({key: canonical_json(document)}))

    def create(self, key: str, document: Mapping[str, object]) -> bool:
        def put() -> bool:
            if key in self.world.documents:
                return False
            self.world.documents[key] = canonical_json(document)
            return True

        return self.world.call("create", put)


@dataclass
class FakeObjects:
    """``ObjectStore`` over a :class:`World`: replacing an object is atomic."""

    world: World

    def put(self, uri: str, path: Path, *, on_progress: OnProgress | None = None) -> str:  # noqa: ARG002
        return self.put_bytes(uri, path.read_bytes())

    def put_bytes(self, uri: str, data: bytes) -> str:
        self.world.call("put_bytes", lambda: self.world.objects.update({uri: data}))
        return str(hash(data))

    def get(self, uri: str) -> bytes:
        def look() -> bytes:
            if uri not in self.world.objects:
                raise ResourceNotFound(f"There is no object {uri}.")
            return self.world.objects[uri]

        return self.world.call("get", look)

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:
        if self.etag(uri) != etag:
            raise ResourceConflict(f"{uri} is another version now.")
        path.write_bytes(self.get(uri))

    def etag(self, uri: str) -> str | None:
        return str(hash(self.world.objects[uri])) if uri in self.world.objects else None

    def list(self, prefix: str) -> Iterator[str]:
        return iter(
            self.world.call("list", lambda: sorted(uri for uri in self.world.objects if uri.startswith(prefix)))
        )

    def delete(self, uri: str) -> None:
        self.world.objects.pop(uri, None)
