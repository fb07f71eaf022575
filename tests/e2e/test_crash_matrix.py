"""Killed at every call of the submission and at any point of the wait, on both planes: one job each, and no orphan.

Every cell of the matrix is a DAG run with a connection of its own, behind which one chosen call meets a disaster. All
run at once under one scheduler. ``RFT_SOAK=1`` runs every combination; the suite every kill point at least once.
"""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import airflow
import pytest
from packaging.version import Version

from airflow_provider_bedrock_rft.cli.laptop import emulator_session
from airflow_provider_bedrock_rft.cli.stack import ACCESS_KEY_ID, COMPONENTS, REGION, SECRET_ACCESS_KEY, Stack
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.job.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(3000), pytest.mark.xdist_group("stack")]

IS_SOAK = bool(os.environ.get("RFT_SOAK"))
TRIGGERS_CAN_BE_KILLED = Version(airflow.__version__) >= Version("3.3")
PATIENCE_SECONDS = 2400 if IS_SOAK else 1000
BUCKET = "rft-crashes"
QUEUED_SECONDS, STEP_SECONDS = 6.0, 0.5
GRADER = """
def handler(event, context):
    return [{"id": e["id"], "aggregate_reward_score": float(len(str(e)) % 2)} for e in event]
"""
MODELS = {"mantle": "openai.gpt-oss-20b", "native": "amazon.nova-2-lite-v1:0:256k"}
JOBS = {"mantle": "/v1/fine_tuning/jobs", "native": "/model-customization-jobs"}
ENDED = {"mantle": '"succeeded"', "native": '"Completed"'}
INTENT, CHOICE, CLAIM = r"/intents/crash-[^/]*/.*/\d+\.json$", "/intents/crash-.*/job-001.json$", "/intents/claims/"
COMBINATIONS = [(plane, mode) for plane in JOBS for mode in ("inline", "deferred")]


def calls_of(plane: str) -> dict[str, dict[str, Any]]:
    """Every call of a submission and of a wait, in their order."""
    jobs = JOBS[plane]
    job = f"GET {jobs}/.+(?<!events)$"
    role = ("GetCallerIdentity", "GetRole", "CreateRole", "PutRolePolicy") if plane == "native" else ()
    return {
        **{action: {"call": f"POST /{action}$"} for action in role},
        "read-intent": {"call": f"GET .*{INTENT}"},
        "write-intent": {"call": f"PUT .*{INTENT}"},
        "create": {"call": f"POST {jobs}$"},
        "read-claim": {"call": f"GET .*{CLAIM}"},
        "choose": {"call": f"PUT .*{CHOICE}"},
        "record": {"call": f"PUT .*{INTENT}", "nth": 2},
        "claim": {"call": f"PUT .*{CLAIM}"},
        "look": {"call": job},
        "last-look": {"call": job, "reply": ENDED[plane]},
        "confirm": {"call": job, "reply": ENDED[plane], "nth": 2},
    }


SAMPLE = [
    ("mantle", "inline", "after", "write-intent"),
    ("mantle", "deferred", "before", "create"),
    ("mantle", "inline", "after", "create"),
    ("native", "deferred", "after", "create"),
    ("native", "inline", "after", "choose"),
    ("mantle", "inline", "after", "record"),
    ("native", "deferred", "before", "claim"),
    ("native", "inline", "before", "look"),
    ("native", "deferred", "after", "confirm"),
]
"""Kill points of the suite; the soak takes all."""


def kill_points() -> Iterator[tuple[str, str, str, str]]:
    if not IS_SOAK:
        yield from SAMPLE
        return
    for plane, mode in COMBINATIONS:
        for call, asked in calls_of(plane).items():
            if mode == "deferred" and call == "last-look":  # the triggerer's, which dies in a cell of its own
                continue
            yield from ((plane, mode, moment, call) for moment in ("before", "after")[bool(asked.get("reply")) :])


@dataclass
class Cell:
    """One run, and what happens to it.

    ``action`` is taken once the task waits: ``fail`` the run, or ``clear`` the task twice at once.
    """

    plane: str
    mode: str
    disaster: str
    strike: Any = None
    action: str = ""
    run_id: str = ""
    line: Any = None
    data: str = ""
    state: str = ""
    is_acted: bool = False
    jobs: list[Job] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.plane}-{self.mode}-{self.disaster}"

    @property
    def dag_id(self) -> str:
        return f"crash_{self.mode}" + ("_leave" if self.disaster == "cleared-twice" else "")


def cells_of(strike_class: Any) -> Iterator[Cell]:
    for plane, mode, moment, call in kill_points():
        strike = strike_class(**calls_of(plane)[call], moment=moment)
        yield Cell(plane, mode, f"killed-{moment}-{call}", strike)
    for plane, mode in COMBINATIONS:
        for cell in other_cells(plane, mode, strike_class):
            if IS_SOAK or (cell.name in OTHERS):
                yield cell


OTHERS = {
    "mantle-inline-reply-lost",
    "mantle-deferred-timed-out",
    "native-deferred-triggerer-killed",
    "mantle-inline-failed",
    "native-deferred-failed",
    "mantle-deferred-cleared-twice",
    "native-inline-cleared-twice",
    "mantle-inline-clicked-twice",
}
"""What the suite runs besides; killing a whole worker is left to the soak, since Airflow notices it after minutes."""


def other_cells(plane: str, mode: str, strike_class: Any) -> Iterator[Cell]:
    create, look = calls_of(plane)["create"], calls_of(plane)["look"]
    yield Cell(plane, mode, "reply-lost", strike_class(**create, action="drop"))
    yield Cell(plane, mode, "timed-out", strike_class(**create, action="hold"))
    if mode == "inline":
        yield Cell(plane, mode, "worker-killed", strike_class(**look, action="kill_worker"))
    else:
        yield Cell(plane, mode, "triggerer-killed", strike_class(**look | {"nth": 2}, action="triggerer"))
    yield Cell(plane, mode, "failed", action="fail")
    yield Cell(plane, mode, "cleared-twice", action="clear")
    yield Cell(plane, mode, "clicked-twice")


def insist(ask: Callable[[], object], n_tries: int = 8) -> object:
    """Airflow's SQLite is locked now and then while everything happens at once."""
    for _ in range(n_tries - 1):
        try:
            return ask()
        except RftError:  # noqa: PERF203 - every try has its own
            time.sleep(1)
    return ask()


class Matrix:
    """All cells, at once, under one scheduler."""

    def __init__(self, stack: Stack, cells: list[Cell], line: Any) -> None:
        self.stack = stack
        self.cells = {cell.name: cell for cell in cells}
        self._line = line
        self._session = emulator_session(stack)
        self._triggerer = threading.Lock()

    def run(self) -> None:
        self._control("PATCH", "settings", queued_seconds=QUEUED_SECONDS, step_seconds=STEP_SECONDS, group_size=2)
        try:
            self._prepare()
            for cell in sorted(self.cells.values(), key=lambda cell: "write-intent" not in cell.name):
                self._start(cell)
            self._await_all()
        finally:
            self._control("PATCH", "settings", queued_seconds=0.05, step_seconds=0.0, group_size=8)
        for job in [
            *self._session.training.list_jobs(created_after=0),
            *self._session.native_training.list_jobs(created_after=0),
        ]:
            self._file(job)
        for cell in self.cells.values():
            cell.line.close()

    def _file(self, job: Job) -> None:
        plane = self._session.native_training if job.job_id.startswith("arn:") else self._session.training
        full = plane.get_job(job.job_id)
        for cell in self.cells.values():
            if cell.data == full.training_data:
                cell.jobs.append(full)

    def _prepare(self) -> None:
        location = {"LocationConstraint": REGION}
        self._session.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        self.stack.wait_until("the test's DAGs", lambda: self.stack.api.has_dag("crash_deferred_leave"))
        self._grader = self._deploy_grader()
        body = "".join(f"{line}\n" for line in generate_problems(100, seed=3)).encode()
        for number, cell in enumerate(self.cells.values()):
            cell.run_id = f"cell-{number:03d}"
            cell.line = self._line(self.stack.emulator_url, cell.strike, self._restart_triggerer)
            cell.data = self._upload(cell, body)

    def _upload(self, cell: Cell, body: bytes) -> str:
        key = f"data/{cell.run_id}.jsonl"
        if cell.plane == "native":
            self._session.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
            return f"s3://{BUCKET}/{key}"
        path = self.stack.home / f"{cell.run_id}.jsonl"
        path.write_bytes(body)
        return str(self._session.training.upload_file(path, name=path.name).file_id)

    def _deploy_grader(self) -> str:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("grader.py", GRADER)
        trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        role = self._session.client("iam").create_role(RoleName="crash-grader", AssumeRolePolicyDocument=trust)
        made = self._session.client("lambda").create_function(
            FunctionName="crash-grader",
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Handler="grader.handler",
            Code={"ZipFile": package.getvalue()},
            Publish=True,
        )
        return f"{made['FunctionArn'].removesuffix(':1')}:1"

    def _start(self, cell: Cell) -> None:
        conn_id = f"aws_{cell.run_id}"
        extra = {"region_name": REGION, "endpoint_url": cell.line.url}
        if cell.disaster == "timed-out":
            extra["config_kwargs"] = {"read_timeout": 8}
        connection = {
            "connection_id": conn_id,
            "conn_type": "aws",
            "login": ACCESS_KEY_ID,
            "password": SECRET_ACCESS_KEY,
        }
        insist(lambda: self.stack.api.put_connection(connection | {"extra": json.dumps(extra)}))
        conf = {
            "model": MODELS[cell.plane],
            "dataset": cell.data,
            "grader": self._grader,
            "connection": conn_id,
            "artifacts_uri": f"s3://{BUCKET}/artifacts",
            "n_epochs": 40 if cell.action == "fail" else 1,
            "batch_size": 16 if cell.action == "fail" else 64,
        }

        def click(_: int) -> None:
            insist(lambda: self.stack.api.trigger(cell.dag_id, conf=conf, run_id=cell.run_id))

        with ThreadPoolExecutor(2) as fingers:
            list(fingers.map(click, range(2 if cell.disaster == "clicked-twice" else 1)))

    def _await_all(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while going := [cell for cell in self.cells.values() if cell.state not in {"success", "failed"}]:
            assert time.monotonic() < give_up_at, [(cell.name, cell.state, cell.line.calls) for cell in going]
            with suppress(RftError):
                self._look_at(going)
            self._supervise()
            time.sleep(3)

    def _supervise(self) -> None:
        """As whoever runs Airflow does: what has died, because the database was locked say, is started again."""
        with self._triggerer:
            for component in COMPONENTS:
                if not self.stack.is_running(component):
                    self.stack.start_component(component)

    def _look_at(self, going: list[Cell]) -> None:
        path = "/api/v2/dags/~/dagRuns?dag_id_prefix_pattern=crash_&limit=200"
        runs: Any = self.stack.api._call("GET", path)["dag_runs"]
        states = {str(run["dag_run_id"]): str(run["state"]) for run in runs}
        for cell in going:
            if not cell.action or cell.is_acted:
                cell.state = states.get(cell.run_id, "")
            elif any("PUT" in call and CLAIM in call for call in cell.line.calls):
                self._act_when_waiting(cell)

    def _act_when_waiting(self, cell: Cell) -> None:
        kills = [other.line for other in self.cells.values() if other.strike and other.strike.action == "triggerer"]
        if cell.mode == "deferred" and not all(line.struck.is_set() for line in kills):
            return  # a triggerer that dies just then hears of nothing: Airflow tells a trigger of its end once
        (task,) = self.stack.api.task_states(cell.dag_id, cell.run_id)
        if task.state == {"inline": "running", "deferred": "deferred"}[cell.mode]:
            self._act(cell)
            cell.is_acted = True

    def _act(self, cell: Cell) -> None:
        api = self.stack.api
        if cell.action == "fail":
            path = f"/api/v2/dags/{cell.dag_id}/dagRuns/{quote(cell.run_id)}"
            insist(lambda: api._call("PATCH", path, {"state": "failed"}))
            return
        body = {
            "dry_run": False,
            "dag_run_id": cell.run_id,
            "task_ids": ["train"],
            "only_failed": False,
            "reset_dag_runs": True,
        }

        def clear(_: int) -> object:
            return insist(lambda: api._call("POST", f"/api/v2/dags/{cell.dag_id}/clearTaskInstances", body))

        with ThreadPoolExecutor(2) as fingers:
            list(fingers.map(clear, range(2)))

    def _restart_triggerer(self) -> None:
        with self._triggerer:
            os.killpg(self.stack.processes["triggerer"].pid, signal.SIGKILL)
            self.stack.start_component("triggerer")

    def errors(self, cell: Cell) -> list[str]:
        """What the tries' logs say, for whoever has to find out why one failed."""
        (task,) = self.stack.api.task_states(cell.dag_id, cell.run_id)
        tries = range(1, task.try_number + 1)
        return [f"{n}: {self.stack.api.errors(cell.dag_id, cell.run_id, 'train', try_number=n)}" for n in tries]

    def _control(self, method: str, path: str, **body: object) -> None:
        url, headers = f"{self.stack.emulator_url}/_emulator/{path}", {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)):
            pass


@pytest.fixture(scope="module")
def matrix(stack: Stack, striking: ModuleType) -> Matrix:
    made = Matrix(stack, list(cells_of(striking.Strike)), striking.Line)
    made.run()
    return made


def named(*, action: str = "") -> list[str]:
    def any_strike(**fields: object) -> dict[str, object]:
        return fields

    return [cell.name for cell in cells_of(any_strike) if cell.action == action]


@pytest.mark.parametrize("name", [*named(), *named(action="clear")])
def test_one_job_whatever_happens(matrix: Matrix, name: str) -> None:
    cell = matrix.cells[name]
    assert cell.strike is None or cell.line.struck.is_set(), cell.line.calls
    assert cell.state == "success", matrix.errors(cell)
    assert [job.status.lower() for job in cell.jobs] in (["succeeded"], ["completed"]), cell.line.calls


@pytest.mark.parametrize("name", named(action="fail"))
def test_no_orphan_when_its_run_is_failed(matrix: Matrix, name: str) -> None:
    cell = matrix.cells[name]
    if cell.mode == "deferred" and not TRIGGERS_CAN_BE_KILLED:
        pytest.skip("Before 3.3 Airflow tells no trigger that its task was marked.")
    (job,) = cell.jobs
    assert job.status.lower() in {"cancelled", "stopped", "stopping"}, cell.line.calls
