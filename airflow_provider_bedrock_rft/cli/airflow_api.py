"""Airflow's public REST API (``/api/v2``), as far as the local stack drives it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_bedrock_rft.core.errors import ConnectionLost, RequestRejected, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """One task instance of a run.

    Attributes:
        task_id: As in the DAG.
        state: Airflow's word, ``None`` before it is scheduled.
        try_number: Counted from 1; 0 before the first.
        duration_seconds: ``None`` until it started.
    """

    task_id: str
    state: str | None
    try_number: int
    duration_seconds: float | None


class AirflowApi:
    """A session with one API server.

    Raises:
        ConnectionLost: The server does not answer.
        ResourceNotFound: The DAG, run, task or XCom does not exist (yet).
        RequestRejected: Any other refusal, with the server's words.
    """

    def __init__(self, base_url: str, *, username: str, password: str) -> None:
        self.base_url = base_url
        self._login = {"username": username, "password": password}
        self._token = ""

    def is_healthy(self) -> bool:
        """True when metadata database, scheduler, triggerer and DAG processor all report themselves healthy."""
        try:
            health = self._call("GET", "/api/v2/monitor/health")
        except (ConnectionLost, RequestRejected, ResourceNotFound):
            return False
        parts = [health.get(name) for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")]
        return all(isinstance(part, dict) and part.get("status") == "healthy" for part in parts)

    def put_connection(self, connection: Mapping[str, object]) -> None:
        """Create the connection, or replace the one of that id."""
        try:
            self._call("POST", "/api/v2/connections", connection)
        except RequestRejected:
            self._call("PATCH", f"/api/v2/connections/{quote(str(connection['connection_id']))}", connection)

    def has_dag(self, dag_id: str) -> bool:
        """True once the DAG processor has read the DAG."""
        try:
            self._call("GET", f"/api/v2/dags/{quote(dag_id)}")
        except ResourceNotFound:
            return False
        return True

    def import_errors(self) -> list[str]:
        """Why DAG files could not be read."""
        found = self._call("GET", "/api/v2/importErrors").get("import_errors")
        return [str(item.get("stack_trace", "")) for item in found] if isinstance(found, list) else []

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}", {"is_paused": False})

    def due_date(self, dag_id: str) -> str | None:
        """The logical date of the run that the schedule will create next, ``None`` where no schedule does."""
        date = self._call("GET", f"/api/v2/dags/{quote(dag_id)}").get("next_dagrun_logical_date")
        return None if date is None else str(date)

    def trigger(self, dag_id: str, *, conf: Mapping[str, object], run_id: str, logical_date: str | None = None) -> None:
        """Create a run; one that exists already is no error. With a logical date it *is* the schedule's run."""
        body = {"dag_run_id": run_id, "logical_date": logical_date, "conf": {**conf}}
        try:
            self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)
        except RequestRejected as error:
            if error.details.get("status") != 409:
                raise
            self.run_state(dag_id, run_id)  # another run may have the date: then this one does not exist

    def run_state(self, dag_id: str, run_id: str) -> str:
        """``queued``, ``running``, ``success`` or ``failed``."""
        return str(self._call("GET", _run_path(dag_id, run_id))["state"])

    def task_states(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task instance of the run."""
        answer = self._call("GET", f"{_run_path(dag_id, run_id)}/taskInstances?limit=200")
        found = answer.get("task_instances")
        return [_task_state(item) for item in found] if isinstance(found, list) else []

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value") -> object:
        """A value a task left behind.

        Raises:
            ResourceNotFound: The task left none (yet).
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        value = self._call("GET", path).get("value")
        return json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer what a human-in-the-loop task asks."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/-1/hitlDetails"
        self._call("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int) -> list[Mapping[str, object]]:
        """The structured lines in the log of one try; ``event`` is the message."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{try_number}"
        content = self._call("GET", path).get("content")
        lines = content if isinstance(content, list) else []
        return [line if isinstance(line, dict) else {"event": str(line)} for line in lines]

    def errors(self, dag_id: str, run_id: str, task_id: str, *, try_number: int) -> list[str]:
        """The sentences with which one try failed."""
        lines = self.log(dag_id, run_id, task_id, try_number=try_number)
        return [sentence for line in lines if line.get("level") == "error" for sentence in _sentences(line)]

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        if self._token:
            try:
                return self._send(method, path, body)
            except RequestRejected as error:
                if error.details.get("status") != 401:  # else it expired, or the server was started anew
                    raise
                self._token = ""
        self._token = str(self._send("POST", "/auth/token", self._login)["access_token"])
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, object]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 -- our own loopback server
                answer = json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise _refusal(error, method, path) from None
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"Airflow's API server at {self.base_url} does not answer: {error}.") from None
        return answer if isinstance(answer, dict) else {}


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _task_state(item: Mapping[str, object]) -> TaskState:
    duration, tries = item.get("duration"), item.get("try_number")
    return TaskState(
        task_id=str(item["task_id"]),
        state=None if item.get("state") is None else str(item["state"]),
        try_number=tries if isinstance(tries, int) else 0,
        duration_seconds=float(duration) if isinstance(duration, (int, float)) else None,
    )


def _sentences(line: Mapping[str, object]) -> list[str]:
    detail = line.get("error_detail")
    if isinstance(detail, list) and detail:
        return [str(item.get("exc_value", "")) for item in detail if isinstance(item, dict)]
    return [str(line.get("event", ""))]


def _refusal(error: urllib.error.HTTPError, method: str, path: str) -> RequestRejected | ResourceNotFound:
    kind = ResourceNotFound if error.code == 404 else RequestRejected
    detail = error.read(2000).decode("utf-8", "replace")
    return kind(f"Airflow answered {error.code} to {method} {path}: {detail}", status=error.code)
