"""The task of the same run that makes a job, seen by a task that runs beside it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
UNSTARTED = frozenset({None, "scheduled", "queued", "restarting"})
"""States in which the job that the task has pushed, if any, is one of an earlier try."""


class JobMaker:
    """A ``BedrockRftCreateJobOperator`` task.

    Args:
        context: Of the task that looks; in a mapped task the maker is taken to be mapped alike.
        task_id: The maker.
    """

    def __init__(self, context: Context, task_id: str) -> None:
        self._ti = context["ti"]
        self._task_id = task_id

    @cached_property
    def state(self) -> str | None:
        """Airflow's word, ``None`` before it is scheduled."""
        ti = self._ti
        found = ti.get_task_states(
            dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=[self._task_id], map_index=self._map_index
        )
        states = found.get(ti.run_id, {})
        state = next((state for name, state in states.items() if name.startswith(self._task_id)), None)
        return None if state is None else str(getattr(state, "value", state))

    @property
    def is_finished(self) -> bool:
        """True when it will make no other job."""
        return self.state in FINISHED

    def job_id(self) -> str:
        """The job of its present try, empty before there is one."""
        if self.state in UNSTARTED:
            return ""
        if self._map_index is None:
            return str(self._ti.xcom_pull(task_ids=self._task_id, key="job_id") or "")
        return str(self._ti.xcom_pull(task_ids=self._task_id, key="job_id", map_indexes=self._map_index) or "")

    @property
    def _map_index(self) -> int | None:
        index = self._ti.map_index
        return None if index is None or index < 0 else index
