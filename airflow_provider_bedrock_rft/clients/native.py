"""The native Bedrock control plane over boto3: Nova models, with names, idempotency tokens and artefacts in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_bedrock_rft.clients import native_metrics as metrics
from airflow_provider_bedrock_rft.clients import native_wire as wire
from airflow_provider_bedrock_rft.clients.service_limits import violations
from airflow_provider_bedrock_rft.clients.translate import reading, translated
from airflow_provider_bedrock_rft.core.clock import to_utc
from airflow_provider_bedrock_rft.core.errors import (
    InvalidJobSpec,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    UnsupportedOperation,
)
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.core.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.ports import ObjectStore, OnProgress, StoredFile

_CREATE = "CreateModelCustomizationJob"
_CAPABILITIES = Capabilities(
    plane="native",
    has_events=True,
    has_checkpoints=False,
    has_idempotency_token=True,
    has_job_names=True,
    needs_deployment=True,
    stores_files=False,
)


class NativeTraining:
    """Model customization jobs, as a :class:`~airflow_provider_bedrock_rft.core.ports.TrainingService`."""

    def __init__(self, bedrock: Any, objects: ObjectStore, clock: Clock) -> None:  # noqa: ANN401 - boto3's client
        self._bedrock = bedrock
        self._objects = objects
        self._clock = clock

    @property
    def capabilities(self) -> Capabilities:
        """Names and idempotency tokens; metrics from S3, no checkpoints; the result must be deployed."""
        return _CAPABILITIES

    def upload_file(self, path: Path, *, name: str, on_progress: OnProgress | None = None) -> StoredFile:  # noqa: ARG002 - the port's
        """The plane has no file store.

        Raises:
            UnsupportedOperation: Always.
        """
        _no_files()

    def find_file(self, *, name: str) -> StoredFile | None:  # noqa: ARG002 - the port's
        """The plane has no file store.

        Raises:
            UnsupportedOperation: Always.
        """
        _no_files()

    def list_files(self) -> Iterator[StoredFile]:
        """None: the plane has no file store."""
        return iter(())

    def delete_file(self, file_id: str) -> None:  # noqa: ARG002 - the port's
        """The plane has no file store.

        Raises:
            UnsupportedOperation: Always.
        """
        _no_files()

    def create_job(self, spec: JobSpec, *, token: str) -> Job:
        """Create the job of this token, or return it.

        Raises:
            InvalidJobSpec: The service's model refuses a field; nothing was sent.
        """
        request = self.request_for(spec, token=token)
        with reading(f"Create the customization job {spec.name}"):
            arn = self._bedrock.create_model_customization_job(**request)["jobArn"]
        return self.get_job(arn)

    def request_for(self, spec: JobSpec, *, token: str) -> Mapping[str, object]:
        """The parameters of the request that creates a job.

        Raises:
            InvalidJobSpec: The service's model refuses a field.
        """
        request = wire.request_of(spec, token=token)
        shape = self._bedrock.meta.service_model.operation_model(_CREATE).input_shape
        refused = "; ".join(violations(shape, request))
        if refused:
            raise InvalidJobSpec(f"Bedrock would refuse this job: {refused}.", action="Correct the fields named here.")
        return request

    def get_job(self, job_id: str) -> Job:
        """The job as it is now, by ARN or name."""
        with reading(f"Get the customization job {job_id}"):
            return wire.job_in(self._bedrock.get_model_customization_job(jobIdentifier=job_id))

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        """Jobs created at or after that time, newest first. Summaries name neither data nor grader."""
        order = {"sortBy": "CreationTime", "sortOrder": "Descending"}
        pages = self._bedrock.get_paginator("list_model_customization_jobs").paginate(
            creationTimeAfter=to_utc(max(0.0, created_after)), PaginationConfig={"PageSize": 250}, **order
        )
        with reading("List customization jobs"):
            for page in pages:
                yield from map(wire.job_in, page["modelCustomizationJobSummaries"])

    def cancel_job(self, job_id: str) -> None:
        """Ask for the job to stop; one that has ended already is no error."""
        try:
            with translated(f"Stop the customization job {job_id}"):
                self._bedrock.stop_model_customization_job(jobIdentifier=job_id)
        except (ResourceConflict, RequestRejected):
            job = self.get_job(job_id)
            if job.status != "Stopping" and outcome_of(job.status) is None:
                raise

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        """The metrics among the job's artefacts in S3, newest step first; none before the service has written any."""
        with reading(f"Get the customization job {job_id}"):
            described = self._bedrock.get_model_customization_job(jobIdentifier=job_id)
            job, output = wire.job_in(described), wire.output_in(described)
        places = filter(metrics.is_metrics_file, self._objects.list(metrics.folder_of(output, job.job_id)))
        tables = [self._objects.get(place) for place in places]
        ended_at = job.finished_at or self._clock.now()
        return iter(metrics.events_in(tables, started_at=job.created_at, ended_at=ended_at))

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:  # noqa: ARG002 - the port's
        """None: the plane shows no checkpoints."""
        return iter(())

    def delete_model(self, model: str) -> None:
        """Remove a custom model; one that is gone already is no error.

        Raises:
            ResourceConflict: It is deployed.
        """
        try:
            with translated(f"Delete the custom model {model}"):
                self._bedrock.delete_custom_model(modelIdentifier=model)
        except ResourceNotFound:
            return


def _no_files() -> NoReturn:
    raise UnsupportedOperation(
        "The native plane has no file store.", action="Put the dataset into S3 and give its s3:// URI as the dataset."
    )
