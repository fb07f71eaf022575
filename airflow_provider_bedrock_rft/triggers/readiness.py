"""Waits for what the native plane makes beside jobs: a deployment that answers, a batch job that has ended."""

from __future__ import annotations

import asyncio
from random import SystemRandom
from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.deployment import Readiness
from airflow_provider_bedrock_rft.core.errors import RftError, TransientServiceError
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchState
from airflow_provider_bedrock_rft.hooks.shared import CLOCK, shared_hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_BACKOFF = Backoff(first_seconds=2.0, max_seconds=120.0)
_RANDOM = SystemRandom()


class BedrockRftReadinessTrigger(BaseTrigger):
    """Wakes its task once there is something to conclude, or the deadline has passed; the task looks for itself.

    Args:
        deployment: ARN of a deployment; or
        batch_job: ARN of a batch job.
        custom_model: What the deployment is to answer with.
        deadline_at: When to wake the task in any case, epoch seconds.
        poll_seconds: Pause between two looks.
        aws_conn_id: Airflow connection of type ``aws``.
        region_name: Overrides the connection's region.
    """

    def __init__(
        self,
        *,
        deadline_at: float,
        poll_seconds: float,
        deployment: str = "",
        custom_model: str = "",
        batch_job: str = "",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.deployment = deployment
        self.custom_model = custom_model
        self.batch_job = batch_job
        self.deadline_at = deadline_at
        self.poll_seconds = poll_seconds
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def serialize(self) -> tuple[str, dict[str, object]]:
        """What re-creates this trigger, in any process."""
        fields = (
            "deployment",
            "custom_model",
            "batch_job",
            "deadline_at",
            "poll_seconds",
            "aws_conn_id",
            "region_name",
        )
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in fields}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; one event, then nothing."""
        n_failures = 0
        while True:
            pause = await asyncio.to_thread(self._look, n_failures)
            if pause is None:
                break
            n_failures = n_failures + 1 if pause != self.poll_seconds else 0
            await asyncio.sleep(max(0.0, min(pause, self.deadline_at - CLOCK.now())))
        yield TriggerEvent({"kind": "rft.readiness"})  # type: ignore[no-untyped-call]

    def _look(self, n_failures: int) -> float | None:
        """Seconds until the next look; ``None`` when the task has something to do."""
        if CLOCK.now() >= self.deadline_at:
            return None
        try:
            return self.poll_seconds if self._is_under_way() else None
        except TransientServiceError as error:
            self.log.warning("A look failed, which affects nothing. %s", error)
            return _BACKOFF.pause(n_failures + 1, _RANDOM)
        except RftError:
            return None  # the task meets the same, and says it

    def _is_under_way(self) -> bool:
        hook = shared_hook(self.aws_conn_id, self.region_name)
        if self.batch_job:
            return hook.batch.get(self.batch_job).state is BatchState.UNDER_WAY
        deployment = hook.deployments.get(self.deployment)
        return deployment.readiness_for(self.custom_model) is Readiness.UNDER_WAY
