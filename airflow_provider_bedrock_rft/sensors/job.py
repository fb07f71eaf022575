"""Wait for a training job that another task, or somebody else, has created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.job.ending import Ending
from airflow_provider_bedrock_rft.deferral import confirm
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS, plane_of
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, text_of
from airflow_provider_bedrock_rft.sensors.sensor import BedrockRftSensor

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.hooks.inputs import Given
    from airflow_provider_bedrock_rft.triggers.watch import Arrival


class BedrockRftJobCompletedSensor(BedrockRftSensor):
    """Succeeds when the job has made a model; fails when it ends otherwise or in a status that nobody knows.

    Returns the payload ``rft.job``.

    Args:
        job: Job id, or the output of a task that has one.
        kwargs: As for every sensor of this package.
    """

    template_fields = ("job", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}

    def __init__(self, *, job: Given, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def job_id(self) -> str:
        """The job, from the rendered field."""
        return text_of(self.job, "job", JOB_ID)

    def result_of(self, arrival: Arrival) -> dict[str, object]:
        """The job with its model."""
        if not isinstance(arrival, Ending):
            raise InvalidPayload("This sensor waits for the end of a job, and was told of a checkpoint.")
        return dump(confirm(arrival, plane_of(self.hook, arrival.job_id)))
