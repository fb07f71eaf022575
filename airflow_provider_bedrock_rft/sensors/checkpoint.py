"""Wait for a checkpoint while the job goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, text_of, whole_number
from airflow_provider_bedrock_rft.sensors.sensor import BedrockRftSensor

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.hooks.inputs import Given
    from airflow_provider_bedrock_rft.triggers.watch import Arrival


class BedrockRftCheckpointAvailableSensor(BedrockRftSensor):
    """Succeeds with the first checkpoint at or after a step, while the job goes on.

    Returns the payload ``rft.checkpoint`` (``model`` answers requests). A job that ends without such a checkpoint fails
    the sensor.

    Args:
        job: Job id, or the output of a task that has one. ``BedrockRftCreateJobOperator`` pushes it under the key
            ``job_id`` as soon as the job exists.
        step: Training step, from 1; the default takes the first checkpoint there is.
        kwargs: As for every sensor of this package.
    """

    template_fields = ("job", "step", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}

    def __init__(self, *, job: Given, step: int | str = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.step = step

    @property
    def checkpoint_step(self) -> int:
        """The step, from the rendered field."""
        return whole_number(self.step, "step")

    def job_id(self) -> str:
        """The job, from the rendered field."""
        return text_of(self.job, "job", JOB_ID)

    def result_of(self, arrival: Arrival) -> dict[str, object]:
        """The checkpoint."""
        if isinstance(arrival, Checkpoint):
            self.log.info("Checkpoint of step %s answers as %s.", arrival.step, arrival.model)
            return dump(arrival)
        arrival.ensure_success()
        raise JobFailure(
            f"Job {arrival.job_id} has ended without a checkpoint at or after step {self.step}.",
            action="Ask for an earlier step, or train for more steps.",
        )
