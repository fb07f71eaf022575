"""The Mantle control plane over the openai SDK (2.44 and later, and 3.x).

Replies are read as JSON, not as the SDK's models: those do not know a grader of type ``lambda``.
"""

from __future__ import annotations

import io
import ssl
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from airflow_provider_bedrock_rft.clients import mantle_wire as wire
from airflow_provider_bedrock_rft.clients.translate import reading, translated
from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.core.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import openai

    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.ports import OnProgress, StoredFile

T = TypeVar("T")

PAGE_SIZE = 100
_JOBS = "/fine_tuning/jobs"
_CAPABILITIES = Capabilities(
    plane="mantle",
    has_events=True,
    has_checkpoints=True,
    has_idempotency_token=False,
    has_job_names=False,
    needs_deployment=False,
    stores_files=True,
)


def new_openai_client(config: ClientConfig, token: Callable[[], str]) -> openai.OpenAI:
    """A client of one Mantle endpoint that takes nothing from the environment: no key, URL, organisation or project."""
    import openai

    timeout = openai.Timeout(config.read_timeout_seconds, connect=config.connect_timeout_seconds)
    client = openai.OpenAI(
        base_url=config.mantle_base_url,
        api_key=token,  # called for every request
        timeout=timeout,
        max_retries=config.max_retries,
        http_client=None if config.verify is True else _http_client(config.verify, timeout),
    )
    client.organization = None
    client.project = None
    return client


def _http_client(verify: bool | str, timeout: openai.Timeout) -> Any:  # noqa: ANN401, FBT001 - as boto3 takes it; httpx or httpx2
    import openai

    context = ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify
    return openai.DefaultHttpxClient(verify=context, timeout=timeout)


class MantleTraining:
    """Files and fine-tuning jobs of Mantle, as a :class:`~airflow_provider_bedrock_rft.core.ports.TrainingService`."""

    def __init__(self, client: openai.OpenAI, config: ClientConfig) -> None:
        self._client = client
        self._config = config

    @property
    def capabilities(self) -> Capabilities:
        """Mantle has neither idempotency tokens nor job names, and needs no deployment."""
        return _CAPABILITIES

    def upload_file(self, path: Path, *, name: str, on_progress: OnProgress | None = None) -> StoredFile:
        """Stream a dataset to the file store; never repeated by itself."""
        once = self._client.with_options(max_retries=0, timeout=self._config.upload_timeout_seconds)
        with reading(f"Upload {path.name}"), path.open("rb") as stream:
            # an open file is streamed; the SDK would read a Path into memory whole
            sent = _Watched(stream, on_progress) if on_progress else stream
            reply = once.files.with_raw_response.create(file=(name, sent), purpose="fine-tune")
            return wire.file_in(reply.http_response.json())

    def find_file(self, *, name: str) -> StoredFile | None:
        """The newest complete file of that name."""
        pages = self._pages("/files", f"List files to find {name}", wire.whole_file_in, purpose="fine-tune")
        named = (file for page in pages for file in page if file and file.name == name)
        return max(named, key=lambda file: file.created_at, default=None)

    def list_files(self) -> Iterator[StoredFile]:
        """Every complete file for fine-tuning."""
        pages = self._pages("/files", "List files", wire.whole_file_in, purpose="fine-tune")
        return (file for page in pages for file in page if file)

    def delete_file(self, file_id: str) -> None:
        """Remove a file; one that is gone already is no error."""
        try:
            with translated(f"Delete file {file_id}"):
                self._client.delete(f"/files/{_quoted(file_id)}", cast_to=object)
        except ResourceNotFound:
            return

    def create_job(self, spec: JobSpec, *, token: str) -> Job:
        """Create a job with one request, never repeated here: Mantle would create another."""
        once = self._client.with_options(max_retries=0, timeout=self._config.create_timeout_seconds)
        body = self.request_for(spec, token=token)
        with reading(f"Create a fine-tuning job of {spec.model}"):
            reply: Any = once.post(_JOBS, body=body, cast_to=object)
            return wire.job_in(reply)

    def request_for(self, spec: JobSpec, *, token: str) -> Mapping[str, object]:
        """The body of the request that creates a job."""
        return wire.body_of(spec, token=token if self._config.identify_jobs else "")

    def get_job(self, job_id: str) -> Job:
        """The job as it is now."""
        with reading(f"Get job {job_id}"):
            reply: Any = self._client.get(f"{_JOBS}/{_quoted(job_id)}", cast_to=object)
            return wire.job_in(reply)

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        """Jobs created at or after that time; ends with the first page that has none."""
        for page in self._pages(_JOBS, "List fine-tuning jobs", wire.job_in):
            recent = [job for job in page if job.created_at >= created_after]
            yield from recent
            if not recent:
                return

    def cancel_job(self, job_id: str) -> None:
        """Ask for the job to stop; one that has ended already is no error."""
        try:
            with translated(f"Cancel job {job_id}"):
                self._client.post(f"{_JOBS}/{_quoted(job_id)}/cancel", cast_to=object)
        except (ResourceConflict, RequestRejected):  # which of them an ended job is answered with is not documented
            if outcome_of(self.get_job(job_id).status) is None:
                raise

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        """The job's events as the pages give them."""
        path = f"{_JOBS}/{_quoted(job_id)}/events"
        return chain.from_iterable(self._pages(path, f"List events of job {job_id}", wire.event_in))

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        """The job's checkpoints; none before training has started."""
        path = f"{_JOBS}/{_quoted(job_id)}/checkpoints"
        parse = partial(wire.checkpoint_in, job_id=job_id)
        return chain.from_iterable(self._pages(path, f"List checkpoints of job {job_id}", parse))

    def delete_model(self, model: str) -> None:
        """Remove a tuned model; one that is gone already is no error. AWS does not document the call."""
        try:
            with translated(f"Delete model {model}"):
                self._client.delete(f"/models/{_quoted(model)}", cast_to=object)
        except ResourceNotFound:
            return

    def _pages(
        self, path: str, operation: str, parse: Callable[[dict[str, Any]], T], **query: object
    ) -> Iterator[list[T]]:
        cursors: set[str] = set()
        asked = {"limit": PAGE_SIZE, **query}
        while True:
            with reading(operation):
                reply: Any = self._client.get(path, cast_to=object, options={"params": asked})
                items = list(reply.get("data") or [])
                page = [parse(item) for item in items]
            yield page
            last = str(items[-1]["id"]) if items else ""
            if not reply.get("has_more") or not last or last in cursors:  # a repeated cursor would never end
                return
            cursors.add(last)
            asked["after"] = last


class _Watched(io.BufferedReader):
    """A file that tells how much of it was read on."""

    def __init__(self, stream: io.BufferedReader, on_progress: OnProgress) -> None:
        super().__init__(stream.raw)
        self._tell = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._tell(len(data))
        return data


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")
