"""Wait for a checkpoint while the job goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.job_maker import JobMaker
from airflow_provider_bedrock_rft.sensors.sensor import BedrockRftSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.hooks.inputs import Given
    from airflow_provider_bedrock_rft.triggers.watch import Arrival

RESCHEDULE_SECONDS = 60.0
"""A process is started for every look of a sensor that is rescheduled."""


class BedrockRftCheckpointAvailableSensor(BedrockRftSensor):
    """Succeeds with the first checkpoint at or after a step, while the job goes on.

    Returns the payload ``rft.checkpoint`` (``model`` answers requests). A job that ends without such a checkpoint fails
    the sensor.

    Args:
        job: Job id, or the output of a task that has one.
        job_from: Instead of ``job``: id of a ``BedrockRftCreateJobOperator`` task of the same run. The sensor runs
            beside it, takes its job as soon as there is one, and the next one if a retry makes another; it fails when
            the task has failed or was skipped. With a ``poke_interval`` of a minute or more (Airflow's default) it
            gives its slot back between two looks (mode ``reschedule``).
        step: Training step, from 1; the default takes the first checkpoint there is.
        kwargs: As for every sensor of this package.
    """

    template_fields = ("job", "job_from", "step", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}

    def __init__(
        self, *, job: Given | None = None, job_from: str | None = None, step: int | str = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if job_from and self.poke_interval >= RESCHEDULE_SECONDS:
            self.mode = "reschedule"
        self.job = job
        self.job_from = job_from
        self.step = step

    @property
    def checkpoint_step(self) -> int:
        """The step, from the rendered field."""
        return whole_number(self.step, "step")

    def is_ready(self, context: Context) -> bool:
        """True when the job is known: given, or pushed by the task that makes it.

        Raises:
            AirflowFailException: That task has ended without a job.
        """
        if not self.job_from:
            return True
        maker = JobMaker(context, self.job_from)
        job_id = maker.job_id()
        if job_id != self.job:
            self._looks = None
        self.job = job_id or None
        if not job_id and maker.is_finished:
            raise AirflowFailException(f"Task {self.job_from!r} has ended ({maker.state}) and has no job to look at.")
        return bool(job_id)

    def may_change(self, context: Context, arrival: Arrival) -> bool:
        """True when the task that made the job may make another one, in a retry."""
        if not self.job_from or not isinstance(arrival, Ending):
            return False
        is_lost = arrival.reason in {EndingKind.FAILED, EndingKind.CANCELLED}
        return is_lost and not JobMaker(context, self.job_from).is_finished

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
