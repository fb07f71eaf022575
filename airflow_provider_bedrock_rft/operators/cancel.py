"""Stop a training job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS, plane_of
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import JOB_ID, text_of
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.hooks.inputs import Given


class BedrockRftCancelJobOperator(BedrockRftOperator):
    """Ask a job to stop; one that has ended already stays as it is.

    Args:
        job: Job id, or the output of a task that has one.
        kwargs: As for every operator of this package.
    """

    template_fields = ("job", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"job": "json"}

    def __init__(self, *, job: Given, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 -- Airflow's signature
        """Cancel it; returns the job as it is afterwards."""
        with failing_fast():
            job_id = text_of(self.job, "job", JOB_ID)
            training = plane_of(self.hook, job_id)
            training.cancel_job(job_id)
            job = training.get_job(job_id)
        self.log.info("Job %s is %s.", job_id, job.status)
        return dump(job)
