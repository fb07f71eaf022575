"""Wait inline, or defer and be resumed: the same looks, the same deadline, the same meaning of the end."""

from __future__ import annotations

from contextlib import suppress
from math import ceil
from random import SystemRandom
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.errors import RftError, ServiceError
from airflow_provider_bedrock_rft.core.job.ending import Ending, ending_of_job
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.hooks.connected import ConnectedTask, plane_of
from airflow_provider_bedrock_rft.triggers.progress import Progress
from airflow_provider_bedrock_rft.triggers.watch import Watch, read_arrival

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.ports import TrainingService
    from airflow_provider_bedrock_rft.triggers.watch import Arrival


class WaitingTask(ConnectedTask):
    """A task that waits for a job, or for one of its checkpoints.

    Attributes:
        deferrable: Wait in the triggerer instead of holding a worker slot.
        on_cancel: What happens to the job when the waiting task is killed: ``stop`` or ``leave``.
        wake_queue: URL of the SQS queue into which EventBridge puts job state changes; polling is then the safety net.
    """

    deferrable: bool
    on_cancel: str = "leave"
    wake_queue: str = ""

    if TYPE_CHECKING:

        @property
        def log(self) -> Logger:
            """Airflow's task log."""

    def watch(self, plan: WaitPlan, *, checkpoint_step: int | None = None) -> Watch:
        """The looks at the job of ``plan``, from this process.

        Raises:
            InvalidInput: There is no such connection, or it names no region: no look could ever succeed.
        """
        with suppress(ServiceError):
            plane_of(self.hook, plan.job_id)
        return Watch(
            plan,
            connect=lambda: plane_of(self.hook, plan.job_id),
            reconnect=self._reconnect,
            clock=self.clock,
            random=SystemRandom(),
            progress=Progress(self.log.info, self.log.warning),
            checkpoint_step=checkpoint_step,
            objects=lambda: self.hook.objects,
        )

    def wait(self, plan: WaitPlan, *, checkpoint_step: int | None = None) -> Arrival:
        """Look, and wait here; or defer, in which case this does not return and ``execute_complete`` goes on."""
        watch = self.watch(plan, checkpoint_step=checkpoint_step)
        found = watch.look()
        while isinstance(found, float):
            if self.deferrable:
                self._hand_over(plan, checkpoint_step)
            self._pause(found, plan)
            found = watch.look()
        return found

    def _pause(self, seconds: float, plan: WaitPlan) -> None:
        """Sleep, or listen for as long."""
        until = self.clock.now() + seconds
        with suppress(RftError):
            while self.wake_queue and (left := until - self.clock.now()) > 0:
                queue = self.hook.wake_ups(self.wake_queue)
                if queue.receive({plan.job_id}, wait_seconds=min(20, ceil(left))):
                    return
        self.clock.sleep(max(0.0, until - self.clock.now()))

    def arrival_of(self, event: object, plan: object) -> tuple[Arrival, WaitPlan]:
        """What a resumed task was woken with; both arguments as ``execute_complete`` got them.

        ``DAG.test`` resumes with the event alone, which therefore carries the plan too.

        Raises:
            InvalidPayload: There is no event, or it is not ours: never a success.
        """
        arrival = read_arrival(event)
        carried = event.get("plan") if isinstance(event, dict) else None
        return arrival, load(WaitPlan, carried if plan is None else plan)

    def _hand_over(self, plan: WaitPlan, checkpoint_step: int | None) -> NoReturn:
        from airflow.providers.common.compat.sdk import TaskDeferred

        from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger

        trigger = BedrockRftWaitTrigger(
            plan=dump(plan),
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            on_cancel=self.on_cancel,
            checkpoint_step=checkpoint_step,
            wake_queue=self.wake_queue,
        )
        self.on_cancel = "leave"  # from here on the trigger answers for the job; a dying worker must not stop it
        raise TaskDeferred(trigger=trigger, method_name="execute_complete", kwargs={"plan": dump(plan)})

    def _reconnect(self) -> None:
        self.__dict__.pop("hook", None)


def confirm(ending: Ending, training: TrainingService) -> Job:
    """The job of a successful ending, retrieved again: an event alone proves nothing.

    Raises:
        JobFailure: The job ended without a model.
        JobCancellation: The job was cancelled.
        JobAlarm: A rule that the user made an alarm found something.
        BudgetExceeded: The job was stopped because its budget is used up.
        WaitTimeout: We gave up; the job is still running.
        UnknownStatus: The service used a word that we do not know.
        ServiceError: Looking at the job failed for good.
    """
    ending.ensure_success()
    job = training.get_job(ending.job_id)
    ending_of_job(job).ensure_success()
    return job
