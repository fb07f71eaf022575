"""What the rules need from the world, as Protocols; ``clients`` implements them, tests fake them.

Every method is synchronous and raises only errors of :mod:`core.errors`. A *transient* error may be retried by the
caller unless the method says otherwise. One contract suite per port runs against the fake, the emulator and (marked)
AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec

OnProgress: TypeAlias = Callable[[int], None]
"""Told how many bytes have gone since it was last told, from any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a control plane can do; declared, never tested by name.

    Attributes:
        plane: ``mantle`` or ``native``; for messages and links only.
        has_events: Events and metrics can be listed while the job runs.
        has_checkpoints: Checkpoints can be listed and called.
        has_idempotency_token: The same token never creates a second job.
        has_job_names: Jobs can be found by a deterministic name.
        needs_deployment: A tuned model must be deployed before it answers.
        stores_files: Datasets go to the plane's own file store, else to S3.
    """

    plane: str
    has_events: bool
    has_checkpoints: bool
    has_idempotency_token: bool
    has_job_names: bool
    needs_deployment: bool
    stores_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A dataset in the plane's file store (or S3)."""

    file_id: str
    name: str
    size_bytes: int
    created_at: float


class TrainingService(Protocol):
    """A control plane that trains."""

    @property
    def capabilities(self) -> Capabilities:
        """What this plane can do."""

    def upload_file(self, path: Path, *, name: str, on_progress: OnProgress | None = None) -> StoredFile:
        """Store a dataset under ``name``. Not idempotent: look with :meth:`find_file` first."""

    def find_file(self, *, name: str) -> StoredFile | None:
        """The newest complete file of that name, if there is one."""

    def list_files(self) -> Iterator[StoredFile]:
        """Every complete file, in no promised order."""

    def delete_file(self, file_id: str) -> None:
        """Remove a file; removing one that is gone already is no error."""

    def create_job(self, spec: JobSpec, *, token: str) -> Job:
        """Create a job. ``token`` is sent where the plane has idempotency tokens.

        Never retried below this method. After ``ConnectionLost`` or ``ServiceUnavailable`` the job may exist.
        """

    def request_for(self, spec: JobSpec, *, token: str) -> Mapping[str, object]:
        """What :meth:`create_job` would send, checked as it would be, under the service's names; nothing is sent."""

    def get_job(self, job_id: str) -> Job:
        """The job as it is now."""

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        """Jobs created at or after that time, newest first; their status may be stale."""

    def cancel_job(self, job_id: str) -> None:
        """Ask for the job to stop; a job that has ended already is no error."""

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        """The job's events, newest first; order and repetition are not promised."""

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        """The job's checkpoints in no promised order."""

    def delete_model(self, model: str) -> None:
        """Remove a tuned model; removing one that is gone already is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One question to one model.

    Attributes:
        model: Model id, checkpoint id or deployment ARN.
        max_tokens: Upper bound of the completion.
        temperature: 0 asks for the greedy completion.
        seed: Sent where the model accepts one.
        api: ``chat``, or ``responses`` where the model's plane has it.
    """

    model: str
    messages: Sequence[Message]
    max_tokens: int = 2048
    temperature: float = 0.0
    seed: int | None = None
    api: str = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One model output.

    Attributes:
        text: What the grader is given.
        reasoning: The reasoning text, where the model gives it apart.
        finish_reason: ``stop``, ``length`` or the service's word.
        prompt_tokens, completion_tokens: As the service counts.
        latency_ms: Wall time of the request.
    """

    text: str
    reasoning: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0


class ModelRuntime(Protocol):
    """Answers prompts with base models, tuned models and checkpoints."""

    def complete(self, request: CompletionRequest) -> Completion:
        """One completion; safe to call from many threads."""


class ObjectStore(Protocol):
    """S3, as far as we need it. Keys are full ``s3://`` URIs."""

    def put(self, uri: str, path: Path, *, on_progress: OnProgress | None = None) -> str:
        """Store a file (multipart when large); returns the ETag. Nothing is visible before all of it is."""

    def put_bytes(self, uri: str, data: bytes) -> str:
        """Store ``data`` as one object, replacing what was there; returns the ETag."""

    def get(self, uri: str) -> bytes:
        """The whole object."""

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:
        """Copy that version of the object into a file, in flat memory; ``ResourceConflict`` when it is another now."""

    def etag(self, uri: str) -> str | None:
        """The object's ETag, ``None`` when there is no such object."""

    def list(self, prefix: str) -> Iterator[str]:
        """URIs of the objects below ``prefix``."""

    def delete(self, uri: str) -> None:
        """Remove an object; removing one that is gone already is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """How a function runs. Handler and runtime are empty for a container image, which brings its own."""

    name: str
    handler: str
    runtime: str
    role_arn: str
    timeout_seconds: int = 300
    memory_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlace:
    """Where Lambda fetches code itself: a zip in S3, or a container image; one of both is given."""

    s3_uri: str = ""
    image_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVersion:
    """A function, or one published version of it, as deployed.

    Attributes:
        arn: Version-qualified ARN, or unqualified for ``$LATEST``.
        version: ``$LATEST`` or a number.
        code_sha256: Base64 SHA-256 of the package, as Lambda reports it.
        description: Free text; we keep the source fingerprint in it.
        is_ready: Active, and its last update successful.
        failure: Why it is not, and will not become ready by waiting; empty otherwise.
        modified_at: When it was published or last changed, epoch seconds; 0 where Lambda does not say.
    """

    arn: str
    version: str
    code_sha256: str
    description: str
    is_ready: bool
    config: FunctionConfig
    failure: str = ""
    modified_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A reply of a function.

    Attributes:
        function_error: ``Handled`` or ``Unhandled``; empty when the function returned.
        log_tail: Last 4 KB of its log.
    """

    payload: bytes
    function_error: str = ""
    log_tail: str = ""
    executed_version: str = ""


class FunctionService(Protocol):
    """Lambda, as far as deploying and trying a grader needs it."""

    def get(self, name: str, *, qualifier: str = "") -> FunctionVersion | None:
        """The function (or a version or alias of it), ``None`` when there is none."""

    def create(self, config: FunctionConfig, package: bytes | CodePlace) -> FunctionVersion:
        """Create the function, from a zip or from where its code is."""

    def update_code(self, name: str, package: bytes | CodePlace) -> FunctionVersion:
        """Replace the code of ``$LATEST``."""

    def update_config(self, config: FunctionConfig) -> FunctionVersion:
        """Replace the configuration of ``$LATEST``."""

    def publish(self, name: str, *, code_sha256: str, description: str) -> FunctionVersion:
        """Freeze ``$LATEST`` as a numbered version; ``ResourceConflict`` when its code is not ``code_sha256``."""

    def versions(self, name: str) -> Iterator[FunctionVersion]:
        """The published versions, oldest first."""

    def delete_version(self, name: str, version: str) -> None:
        """Remove one published version; one that is gone already is no error."""

    def reserve_concurrency(self, name: str, n_concurrent: int) -> None:
        """Keep that many of the account's concurrent executions for the function, and let it have no more."""

    def put_alias(self, name: str, alias: str, version: str) -> str:
        """Point ``alias`` at ``version``; returns the alias's ARN."""

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        """Call the function and wait for its reply."""


class RoleService(Protocol):
    """IAM, as far as a grader's execution role needs it."""

    def account_id(self) -> str:
        """The twelve digits of the caller's account."""

    def ensure_role(
        self,
        name: str,
        *,
        trusted_service: str,
        policy: Mapping[str, object],
        managed_policies: Sequence[str],
        source_account: str = "",
    ) -> str:
        """Create the role or bring it up to date; returns its ARN. ``source_account``: for whom the service may act."""


class WakeUps(Protocol):
    """News about jobs that comes by itself; it may come late, twice, or not at all."""

    def receive(self, wanted: Collection[str], *, wait_seconds: int) -> frozenset[str]:
        """The jobs of ``wanted`` whose state has changed; empty when there was none within the wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A versioned value in the parameter store."""

    name: str
    value: str
    version: int
    modified_at: float


class ParameterStore(Protocol):
    """SSM Parameter Store, as far as the registry needs it."""

    def get(self, name: str) -> Parameter | None:
        """The current value, ``None`` when there is none."""

    def create(self, name: str, value: str) -> Parameter:
        """Create the parameter; ``ResourceConflict`` when it exists. Of two concurrent creates exactly one wins."""

    def put(self, name: str, value: str) -> Parameter:
        """Create or overwrite the parameter."""

    def names(self, prefix: str) -> Iterator[str]:
        """Names of the parameters below the path ``prefix``, at any depth."""

    def history(self, name: str) -> Iterator[Parameter]:
        """All versions, oldest first."""

    def delete(self, name: str) -> None:
        """Remove the parameter; removing one that is gone already is no error."""


class IntentStore(Protocol):
    """Small JSON documents that outlive a worker: what was about to be done, written before it is done."""

    def read(self, key: str) -> Mapping[str, object] | None:
        """The document, ``None`` when there is none."""

    def write(self, key: str, document: Mapping[str, object]) -> None:
        """Store the document durably before returning."""

    def create(self, key: str, document: Mapping[str, object]) -> bool:
        """Store the document unless there is one; true when it was stored. Of two at once, at most one wins."""
