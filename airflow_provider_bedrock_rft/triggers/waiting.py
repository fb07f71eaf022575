"""The one trigger: it waits for a job to end, or for one of its checkpoints."""

from __future__ import annotations

import asyncio
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.errors import ConnectionLost, RftError
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.hooks.connected import plane_of
from airflow_provider_bedrock_rft.hooks.shared import CLOCK, forget_hook, shared_hook
from airflow_provider_bedrock_rft.triggers.poller import shared_poller
from airflow_provider_bedrock_rft.triggers.progress import Progress
from airflow_provider_bedrock_rft.triggers.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from airflow_provider_bedrock_rft.core.ports import TrainingService, WakeUps
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

T = TypeVar("T")

_RANDOM = SystemRandom()


class BedrockRftWaitTrigger(BaseTrigger):
    """Looks at a job from time to time, in a thread, and wakes the task once.

    The waits of one connection share a poller: when there are many, one listing tells which of them has to look.

    Everything it needs to go on after a restart of the triggerer is in its arguments; the deadline is a point in time.

    Args:
        plan: Payload ``rft.wait_plan``.
        aws_conn_id: Airflow connection of type ``aws``.
        region_name: Overrides the connection's region.
        on_cancel: What happens to the job when a user stops the deferred task: ``stop`` or ``leave``.
        checkpoint_step: Also wake at the first checkpoint at or after this step.
        wake_queue: URL of the SQS queue into which EventBridge puts the job's state changes.
    """

    def __init__(
        self,
        *,
        plan: Mapping[str, object],
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        on_cancel: str = "leave",
        checkpoint_step: int | None = None,
        wake_queue: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.plan = load(WaitPlan, plan)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.on_cancel = on_cancel
        self.checkpoint_step = checkpoint_step
        self.wake_queue = wake_queue

    def serialize(self) -> tuple[str, dict[str, object]]:
        """What re-creates this trigger, in any process."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "plan": dump(self.plan),
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "on_cancel": self.on_cancel,
                "checkpoint_step": self.checkpoint_step,
                "wake_queue": self.wake_queue,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; one event, then nothing."""
        listen = self.wake_ups if self.wake_queue else None
        poller = shared_poller(self._place(), self.training, clock=CLOCK, random=_RANDOM, listen=listen)
        with poller.seat(self.plan, always_looks=self.checkpoint_step is not None) as seat:
            await seat.turn(0.0)
            watch = self._new_watch()
            while isinstance(found := await asyncio.to_thread(watch.look), float):
                await seat.turn(found)
        yield TriggerEvent({**dump(found), "plan": dump(self.plan)})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """A user marked or cleared the deferred task (Airflow 3.3). Restarts of the triggerer do not come here."""
        if self.on_cancel != "stop":
            self.log.info("Leaving job %s to itself (on_cancel='leave').", self.plan.job_id)
            return
        self.log.info("Stopping job %s (on_cancel='stop').", self.plan.job_id)
        await asyncio.to_thread(lambda: self.training().cancel_job(self.plan.job_id))

    def training(self) -> TrainingService:
        """The control plane. Blocking: called in a thread.

        Raises:
            ConnectionLost: Airflow could not give the connection now.
        """
        return self._with_hook(lambda hook: plane_of(hook, self.plan.job_id))

    def wake_ups(self) -> WakeUps:
        """The queue. Blocking: called in a thread.

        Raises:
            ConnectionLost: Airflow could not give the connection now.
        """
        return self._with_hook(lambda hook: hook.wake_ups(self.wake_queue))

    def _with_hook(self, get: Callable[[BedrockRftHook], T]) -> T:
        try:
            return get(shared_hook(self.aws_conn_id, self.region_name))
        except RftError:
            raise
        except Exception as error:  # -- whatever Airflow's own API fails with, the wait outlasts it
            raise ConnectionLost(f"Airflow did not give connection {self.aws_conn_id!r}: {error}") from error

    def _place(self) -> tuple[str | None, str | None, bool, str]:
        """Waits of one place are in one list of jobs, and hear of them through one queue."""
        return self.aws_conn_id, self.region_name, self.plan.job_id.startswith("arn:"), self.wake_queue

    def _new_watch(self) -> Watch:
        return Watch(
            self.plan,
            connect=self.training,
            reconnect=lambda: forget_hook(self.aws_conn_id, self.region_name),
            clock=CLOCK,
            random=_RANDOM,
            progress=Progress(self.log.info, self.log.warning),
            checkpoint_step=self.checkpoint_step,
            objects=lambda: shared_hook(self.aws_conn_id, self.region_name).objects,
        )
