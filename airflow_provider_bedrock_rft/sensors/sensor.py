"""The sensor that ours are: it looks at a job now and again, in a worker or through the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_bedrock_rft.core.clock import to_utc
from airflow_provider_bedrock_rft.core.errors import JobCancellation, JobFailure, WaitTimeout
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.deferral import WaitingTask
from airflow_provider_bedrock_rft.hooks.failures import failing_fast

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.triggers.watch import Arrival, Watch

NEVER = float("inf")
"""The deadline of a look in a worker, where Airflow's own ``timeout`` ends the sensor."""


class BedrockRftSensor(WaitingTask, BaseSensorOperator):
    """Waits for something about a job; never stops the job.

    Args:
        deferrable: Wait in the triggerer; ``timeout`` and ``poke_interval`` keep their meaning.
        aws_conn_id: Airflow connection of type ``aws``; ``None`` uses the worker's own credentials.
        region_name: Overrides the connection's region.
        kwargs: What every Airflow sensor takes.
    """

    ui_color = "#e7ecff"

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self._looks: Watch | None = None

    @property
    def checkpoint_step(self) -> int | None:
        """The first checkpoint at or after this step is enough; ``None`` waits for the job's end."""
        return None

    def job_id(self) -> str:
        """The job, from the rendered fields."""
        raise NotImplementedError

    def result_of(self, arrival: Arrival) -> dict[str, object]:
        """The payload of what was waited for; raises errors of ours when it did not come."""
        raise NotImplementedError

    def is_ready(self, context: Context) -> bool:  # noqa: ARG002 -- for those that wait for their job first
        """True when the job is known."""
        return True

    def may_change(self, context: Context, arrival: Arrival) -> bool:  # noqa: ARG002 -- likewise
        """True when this end of the job is not the last word."""
        return False

    def execute(self, context: Context) -> object:
        """Poke as Airflow's sensors do, or look once and defer."""
        try:
            if self.deferrable and self.is_ready(context):
                return self._look_or_defer(context)
        except (AirflowFailException, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        return super().execute(context)

    def _look_or_defer(self, context: Context) -> dict[str, object]:
        with failing_fast():
            arrival = self.wait(self._plan(self.clock.now() + self.timeout), checkpoint_step=self.checkpoint_step)
        if self.may_change(context, arrival):
            self._come_back()
        return self._concluded(arrival)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with failing_fast():
            if not self.is_ready(context):
                return PokeReturnValue(is_done=False)
            if self._looks is None:
                self._looks = self.watch(self._plan(NEVER), checkpoint_step=self.checkpoint_step)
            found = self._looks.look()
            if isinstance(found, float) or self.may_change(context, found):
                return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._concluded(found))

    def execute_complete(
        self,
        context: Context,
        event: object = None,
        plan: object = None,
    ) -> dict[str, object]:
        """Go on after a deferral."""
        arrival, _ = self.arrival_of(event, plan)
        if self.may_change(context, arrival):
            self._come_back()
        return self._concluded(arrival)

    def _come_back(self) -> NoReturn:
        """Give the slot back and start anew after a pause."""
        from airflow.exceptions import AirflowRescheduleException

        raise AirflowRescheduleException(to_utc(self.clock.now() + self.poke_interval))  # type: ignore[no-untyped-call]

    def _plan(self, deadline_at: float) -> WaitPlan:
        return WaitPlan(
            job_id=self.job_id(),
            created_at=self.clock.now(),
            deadline_at=deadline_at,
            min_poll_seconds=self.poke_interval,
            max_poll_seconds=max(120.0, self.poke_interval),
        )

    def _concluded(self, arrival: Arrival) -> dict[str, object]:
        """The result, or a failure in Airflow's terms: a job that has ended does not change, so nothing is retried."""
        try:
            return self.result_of(arrival)
        except WaitTimeout as error:
            raise AirflowSensorTimeout(str(error)) from error
        except (JobFailure, JobCancellation) as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
