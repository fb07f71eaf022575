"""From a task's context to what there is to tell about its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.hooks.gate import GateResult, rows_of
from airflow_provider_bedrock_rft.links import run_page
from airflow_provider_bedrock_rft.notifications.notice import Notice

if TYPE_CHECKING:
    from airflow.sdk import Context

T = TypeVar("T")

GATE, CREATE_JOB = "BedrockRftPromotionGateOperator", "BedrockRftCreateJobOperator"


def gather(context: Context, *, gate_task_id: str = "", job_task_id: str = "") -> Notice:
    """What the run has decided, or why it failed; without either, how its job ended."""
    error = context.get("exception")
    gate = None if error else _payload(context, gate_task_id or _task_id(context, GATE), GateResult)
    job = _payload(context, job_task_id or _task_id(context, CREATE_JOB), Job)
    facts = {"dag_id": context["ti"].dag_id, "run_id": context["ti"].run_id}
    title, rows = _told(context, gate, job)
    return Notice(
        title=f"{facts['dag_id']}: {title}",
        rows=(("run", facts["run_id"]), *rows),
        link=run_page(
            conf.get("api", "base_url", fallback=""), facts["dag_id"], facts["run_id"], "comparison" if gate else "run"
        ),
        facts={**facts, **({"verdict": gate.verdict} if gate else {})},
    )


def job_id_in(context: Context, job_task_id: str = "") -> str:
    """The run's job, empty while it has none; known from the moment it was created."""
    return _text(_pulled(context, job_task_id or _task_id(context, CREATE_JOB), "job_id"))


def _told(context: Context, gate: GateResult | None, job: Job | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    if error := context.get("exception"):
        task = context["ti"].task_id
        return f"{task} failed", (("task", task), ("error", f"{type(error).__name__}: {error}"))
    if gate is not None:
        return gate.verdict, (("verdict", gate.verdict), *rows_of(gate))
    if job is not None:
        return f"training {job.status}", (
            ("job", job.job_id),
            ("base model", job.model),
            ("result", job.tuned_model or "none"),
        )
    return f"{context['ti'].task_id} ended", (("task", context["ti"].task_id),)


def _task_id(context: Context, operator: str) -> str:
    """The DAG's last task of that operator; empty without one."""
    found = [task.task_id for task in getattr(context.get("dag"), "tasks", ()) if task.task_type == operator]
    return found[-1] if found else ""


def _payload(context: Context, task_id: str, cls: type[T]) -> T | None:
    value = _pulled(context, task_id, "return_value")
    try:
        return load(cls, value) if isinstance(value, Mapping) else None
    except InvalidPayload:
        return None


def _pulled(context: Context, task_id: str, key: str) -> object:
    """What the task has handed on; of a mapped one, the last."""
    if not task_id:
        return None
    found: object = context["ti"].xcom_pull(task_ids=task_id, key=key)
    if isinstance(found, Sequence) and not isinstance(found, str):
        present = [one for one in found if one is not None]
        return present[-1] if present else None
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
