"""What operators and sensors share: where they reach AWS."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.hooks.shared import CLOCK, quiet_http_logs

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

CONNECTION_FIELDS = ("aws_conn_id", "region_name")
"""Template fields of every operator and sensor."""


class ConnectedTask:
    """A task with an Airflow AWS connection; the hook over it is made on first use, in the worker.

    Attributes:
        aws_conn_id: Airflow connection of type ``aws``; ``None`` uses the worker's own credentials.
        region_name: Overrides the connection's region.
        clock: Tests assign a fake.
    """

    clock: Clock = CLOCK
    aws_conn_id: str | None
    region_name: str | None

    @cached_property
    def hook(self) -> BedrockRftHook:
        """The way to every service; tests assign a fake."""
        from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

        quiet_http_logs()
        return BedrockRftHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)


def plane_of(hook: BedrockRftHook, job_id: str) -> TrainingService:
    """The control plane that has that job: native jobs go by their ARN, Mantle's by an id."""
    return hook.native_training if job_id.startswith("arn:") else hook.training
