"""What our notifiers share: they gather what there is to tell, and have Airflow's own notifiers tell it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.hooks.connected import plane_of
from airflow_provider_bedrock_rft.hooks.shared import shared_hook
from airflow_provider_bedrock_rft.notifications.gathering import gather, job_id_in
from airflow_provider_bedrock_rft.notifications.picture import to_png

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
    from airflow_provider_bedrock_rft.notifications.notice import Notice


class RunNotifier(BaseNotifier):
    """Tells of a run: its decision as a table, its reward as a picture, its page as a link; or why it failed.

    Meant for a task's ``on_success_callback`` (the gate's, or what follows it) and ``on_failure_callback``. What cannot
    be had, such as the curve, is said in the message and stops nothing.

    Args:
        gate_task_id: The gate's task; the DAG's last one when left out.
        job_task_id: The task that trains; the DAG's last one when left out.
        has_picture: Fetch the job's curve and draw it.
        aws_conn_id: Airflow connection for the curve; ``None`` uses the worker's own credentials.
        region_name: Overrides the connection's region.
        kwargs: What every Airflow notifier takes.
    """

    template_fields: tuple[str, ...] = ("gate_task_id", "job_task_id", "aws_conn_id", "region_name")

    def __init__(
        self,
        *,
        gate_task_id: str = "",
        job_task_id: str = "",
        has_picture: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gate_task_id = gate_task_id
        self.job_task_id = job_task_id
        self.has_picture = has_picture
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def bedrock_rft_hook(self) -> BedrockRftHook:
        """The way to the job; tests assign a fake."""
        return shared_hook(self.aws_conn_id, self.region_name)

    def notify(self, context: Context) -> None:
        """Gather and tell."""
        notice = gather(context, gate_task_id=self.gate_task_id, job_task_id=self.job_task_id)
        picture = b""
        if self.has_picture and (job_id := job_id_in(context, self.job_task_id)):
            notice, picture = self._with_curve(notice, job_id)
        self.tell(notice, picture, context)

    async def async_notify(self, context: Context) -> None:
        """Likewise, in a thread: the triggerer's event loop waits for nobody."""
        await asyncio.to_thread(self.notify, context)

    @abstractmethod
    def tell(self, notice: Notice, picture: bytes, context: Context) -> None:
        """Send the message; ``picture`` is a PNG, empty where there is none."""

    def _with_curve(self, notice: Notice, job_id: str) -> tuple[Notice, bytes]:
        try:
            events = plane_of(self.bedrock_rft_hook, job_id).list_events(job_id)
            curve = Curve().extended(events)
            return replace(notice, curve=curve), to_png(curve)
        except RftError as error:
            self.log.warning("The message goes without a picture: %s %s", error.message, error.action)
            return replace(notice, notes=(*notice.notes, f"{error.message} {error.action}".strip())), b""
