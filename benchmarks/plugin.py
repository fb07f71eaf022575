"""The page's routes over 500 pipelines, 10,000 runs and a curve of 5,000 steps, beside the same over a small Airflow.

Run: ``python benchmarks/plugin.py [PIPELINES RUNS STEPS]``. Two databases are filled with what the scheduler and the
workers would have written (five task instances and six outputs a run), and each route is asked through the real
application with Airflow's own authorisation; the services behind it answer from memory. Printed are the CPU time of the
first answer of a process, the median and the slowest of the next twenty, its bytes, and the median over that of the
small Airflow: CPU time, for it does not depend on what else the machine does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.models.base import Base
    from fastapi.testclient import TestClient
    from sqlalchemy.orm import Session

    from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent

SMALL = (5, 100, 100)
ROUNDS = 20
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
TASKS = {
    "train": "BedrockRftCreateJobOperator",
    "evaluate_base": "BedrockRftEvaluateModelOperator",
    "evaluate_tuned": "BedrockRftEvaluateModelOperator",
    "gate": "BedrockRftPromotionGateOperator",
    "promote": "BedrockRftPromoteModelOperator",
}
ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6, "confidence": 0.95, "n": 300, "method": "t"}


def outputs_of(number: int) -> dict[str, dict[str, object]]:
    """What the tasks of one run hand on."""
    evaluation = {
        "kind": "rft.evaluation", "version": 1, "grader_arn": "arn", "prompts_fingerprint": "p", "n_samples": 300,
        "completions_per_sample": 1, "mean": ESTIMATE, "n_requests": 300, "n_truncated": 0, "n_grader_errors": 0,
        "prompt_tokens": 1, "completion_tokens": 1, "median_latency_ms": 1.0, "uri": "s3://b/e", "scores": [],
    }  # fmt: skip
    job = {
        "kind": "rft.job", "version": 1, "job_id": f"job-{number}", "status": "succeeded", "model": "base",
        "training_data": "f", "grader_arn": "arn", "created_at": 0.0, "finished_at": 60.0, "tuned_model": f"m{number}",
    }  # fmt: skip
    gate = {
        "kind": "rft.gate", "version": 1, "verdict": "promote", "summary": "promote: better", "reasons": ["better"],
        "pipeline": "p", "baseline_model": "base", "candidate_model": f"m{number}", "champion_model": "",
        "n_samples": 300, "n_wins": 90, "n_losses": 30, "baseline": ESTIMATE, "candidate": ESTIMATE,
        "difference": ESTIMATE, "p_value": 0.01, "test": "sign-flip", "alpha": 0.05,
        "needs_approval": False, "comparison_fingerprint": "f",
    }  # fmt: skip
    champion = {"kind": "rft.champion", "version": 1, "model": f"m{number}", "number": 1, "at": 1.0, "pipeline": "p"}
    return {
        "train": {"job_id": f"job-{number}", "return_value": job},
        "evaluate_base": {"return_value": {**evaluation, "model": "base"}},
        "evaluate_tuned": {"return_value": {**evaluation, "model": f"m{number}"}},
        "gate": {"return_value": gate},
        "promote": {"return_value": champion},
    }


class Filler:
    """Writes rows by the thousand; columns that must have a value and are not named get any."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting: dict[Any, list[dict[str, object]]] = {}

    def add(self, model: type[Base], **values: object) -> None:
        table = model.__table__
        kinds: dict[type, object] = {int: 1, bool: False, float: 0.0, str: "x", datetime: START}
        needed = {
            column.name: kinds.get(column.type.python_type, "x")
            for column in table.columns
            if not (column.nullable or column.name in values or column.default or column.server_default)
            and column.autoincrement is not True
        }
        self.waiting.setdefault(table, []).append({**needed, **values})

    def write(self) -> None:
        for table, rows in self.waiting.items():
            self.session.execute(table.insert(), rows)
        self.session.commit()
        self.waiting.clear()


def fill(session: Session, n_pipelines: int, n_runs: int) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel

    filler = Filler(session)
    filler.add(DagBundleModel, name="bench")
    tasks = [{"__type": "operator", "__var": {"task_id": task, "task_type": kind}} for task, kind in TASKS.items()]
    for number in range(n_pipelines):
        dag_id, version = f"pipeline_{number:03d}", uuid.uuid4()
        data = {"__version": 3, "dag": {"dag_id": dag_id, "tasks": tasks}}
        filler.add(DagModel, dag_id=dag_id, is_stale=False, is_paused=False, bundle_name="bench")
        filler.add(DagVersion, id=version, dag_id=dag_id, version_number=1)
        filler.add(
            SerializedDagModel, id=uuid.uuid4(), dag_id=dag_id, data=data, dag_hash=str(number), dag_version_id=version
        )
    filler.write()
    for number in range(1, n_runs + 1):
        dag_id, run_id, due = f"pipeline_{number % n_pipelines:03d}", f"run_{number}", START + timedelta(hours=number)
        place = {"dag_id": dag_id, "run_id": run_id}
        filler.add(
            DagRun, id=number, **place, state="success", run_type="manual", run_after=due, logical_date=due,
            start_date=due, end_date=due + timedelta(minutes=50),
        )  # fmt: skip
        for task_id, made in outputs_of(number).items():
            which = {**place, "task_id": task_id, "map_index": -1}
            filler.add(
                TaskInstance, id=uuid.uuid4(), **which, operator=TASKS[task_id], state="success", try_number=1,
                start_date=due, end_date=due,
            )  # fmt: skip
            for key, value in made.items():
                filler.add(XComModel, **which, dag_run_id=number, key=key, value=value, timestamp=due)
        if number % 1_000 == 0:
            filler.write()
    filler.write()


class Services:
    """A job of that many steps, whichever is asked for."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps

    training = native_training = property(lambda self: self)

    def get_job(self, job_id: str) -> Job:
        from airflow_provider_bedrock_rft.core.job.job import Job

        return Job(
            job_id=job_id, status="succeeded", model="base", training_data="f", grader_arn="g", created_at=0.0,
            finished_at=3600.0, tuned_model="m",
        )  # fmt: skip

    def list_events(self, _job_id: str) -> Iterator[JobEvent]:
        from airflow_provider_bedrock_rft.core.job.job import JobEvent

        names = ("critic_rewards_mean", "actor_entropy", "actor_grad_norm", "response_length_mean")
        for step in range(self.n_steps, 0, -1):
            metrics = dict.fromkeys(names, step * 37 % 101 / 101)
            yield JobEvent(event_id=str(step), created_at=step, level="info", message="", step=step, metrics=metrics)

    def list_checkpoints(self, _job_id: str) -> Iterator[object]:
        return iter(())


def client(n_steps: int) -> TestClient:
    """A viewer's browser."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    from airflow_provider_bedrock_rft.hooks.shared import CLOCK
    from airflow_provider_bedrock_rft.plugin.app import build_app
    from airflow_provider_bedrock_rft.plugin.cache import Cache
    from airflow_provider_bedrock_rft.plugin.metadata import AirflowMetadata
    from airflow_provider_bedrock_rft.plugin.pages import Pages
    from airflow_provider_bedrock_rft.plugin.remote import Remote

    services: Any = Services(n_steps)
    remote = Remote(Cache(CLOCK), Cache(CLOCK), lambda _connection, _region: services)
    token = create_auth_manager().generate_jwt(SimpleAuthManagerUser(username="viewer", role="viewer"))
    return TestClient(build_app(Pages(AirflowMetadata(), remote, CLOCK)), headers={"Authorization": f"Bearer {token}"})


def measure(n_pipelines: int, n_runs: int, n_steps: int) -> dict[str, tuple[float, float, float, int]]:
    """Route → CPU time of the first answer, median and slowest of the next in milliseconds, and bytes."""
    from airflow import settings
    from airflow.models import import_all_models
    from airflow.models.base import Base

    import_all_models()
    settings.configure_orm()
    Base.metadata.create_all(settings.engine)
    fill(settings.Session(), n_pipelines, n_runs)
    settings.Session.remove()
    last = f"/api/dags/pipeline_{n_runs % n_pipelines:03d}"
    run = f"run_id=run_{n_runs}"
    routes = {
        "overview, first page": "/api/pipelines",
        "overview, last page": f"/api/pipelines?offset={max(0, n_pipelines - 25)}",
        "overview, search": "/api/pipelines?search=pipeline_00",
        "pipeline's runs": f"{last}/runs",
        "pulse of a pipeline": f"{last}/pulse",
        "run": f"{last}/run?{run}",
        "curve": f"{last}/curve?{run}&task_id=train",
        "curve, a stretch": f"{last}/curve?{run}&task_id=train&first=10&last=60",
        "comparison": f"{last}/comparison?{run}",
    }
    browser = client(n_steps)
    found = {}
    for name, route in routes.items():
        took = []
        for _ in range(ROUNDS + 1):
            start = time.process_time()
            reply = browser.get(route)
            took.append(1_000 * (time.process_time() - start))
            if reply.status_code != 200:
                raise SystemExit(reply.text)
        found[name] = (took[0], statistics.median(took[1:]), max(took[1:]), len(reply.content))
    return found


def apart(sizes: tuple[int, ...]) -> dict[str, list[float]]:
    """The measurement in a process and an Airflow home of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{Path(home, 'airflow.db')}",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the benchmark, long enough to sign with: 64 bytes or more",
        }
        command = [sys.executable, __file__, "--measure", *map(str, sizes)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3_000:])
        measured: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
        return measured


def main(sizes: tuple[int, int, int]) -> None:
    small, large = apart(SMALL), apart(sizes)
    print(f"{sizes[0]} pipelines, {sizes[1]:,} runs, {sizes[2]:,} steps, beside {SMALL[0]}, {SMALL[1]} and {SMALL[2]}")
    print(f"{'route':<24}{'first ms':>10}{'median ms':>11}{'slowest ms':>12}{'kB':>8}{'x small':>9}")
    for name, (first, middle, slowest, size) in large.items():
        ratio = middle / small[name][1]
        print(f"{name:<24}{first:>10.0f}{middle:>11.1f}{slowest:>12.1f}{size / 1000:>8.1f}{ratio:>9.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print("\n" + json.dumps(measure(*map(int, sys.argv[2:5]))))
    else:
        given = tuple(map(int, sys.argv[1:4]))
        main(given if len(given) == 3 else (500, 10_000, 5_000))
