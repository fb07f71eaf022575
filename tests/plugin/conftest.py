"""A database of Airflow's with rows of our choice, Airflow's own authorisation over it, and services in memory."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import ResourceNotFound
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.ports import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastapi.testclient import TestClient

NOW = 1_800_000_000.0
WRITTEN = (
    "hitl_detail",
    "rendered_task_instance_fields",
    "xcom",
    "task_instance",
    "dag_run",
    "serialized_dag",
    "dag_version",
    "dag",
    "dag_bundle",
)
"""Tables that tests write to."""


@dataclass
class Services:
    """What a connection leads to; ``failure`` is raised by every call."""

    jobs: dict[str, Job] = field(default_factory=dict)
    events: dict[str, list[JobEvent]] = field(default_factory=dict)
    checkpoints: dict[str, list[Checkpoint]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    connected: list[tuple[str | None, str | None]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def connect(self, aws_conn_id: str | None, region_name: str | None) -> Any:
        self.connected.append((aws_conn_id, region_name))
        return self

    training = native_training = objects = parameters = property(lambda self: self)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failure:
            raise self.failure

    def get_job(self, job_id: str) -> Job:
        self._call("get_job")
        if job_id not in self.jobs:
            raise ResourceNotFound(f"There is no job {job_id}.")
        return self.jobs[job_id]

    def list_events(self, job_id: str) -> Iterator[JobEvent]:
        self._call("list_events")
        return iter(reversed(self.events.get(job_id, [])))

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        return iter(self.checkpoints.get(job_id, []))

    def get(self, name: str) -> Any:
        self._call(f"get {name}")
        if not name.startswith("s3://"):
            text = self.values.get(name)
            return None if text is None else Parameter(name=name, value=text, version=1, modified_at=0.0)
        if name not in self.files:
            raise ResourceNotFound(f"There is no object {name}.")
        return self.files[name]

    def etag(self, uri: str) -> str | None:
        self._call(f"etag {uri}")
        return "1" if uri in self.files else None

    def train(self, job_id: str, *, n_steps: int, status: str = "succeeded", total: int = 0) -> None:
        """A job that has made that many steps."""
        is_over = status not in {"running", "queued"}
        self.jobs[job_id] = Job(
            job_id=job_id,
            status=status,
            model="base",
            training_data="file-1",
            grader_arn="arn",
            created_at=NOW,
            finished_at=NOW + 60 if is_over else None,
            tuned_model=f"tuned-{job_id}" if status == "succeeded" else "",
        )
        self.events[job_id] = [
            JobEvent(
                event_id=f"event-{step}",
                created_at=NOW + step,
                level="info",
                message="",
                step=step,
                total_steps=total or n_steps,
                metrics={"critic_rewards_mean": step / n_steps, "actor_entropy": 1.0, "news": 2.0},
            )
            for step in range(1, n_steps + 1)
        ]
        self.checkpoints[job_id] = [
            Checkpoint(checkpoint_id="c1", job_id=job_id, step=n_steps // 2, model=f"{job_id}-c1", created_at=NOW)
        ]


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


@dataclass
class Rows:
    """Writes what the scheduler and the workers would have written."""

    session: Any
    n_runs: int = 0

    def insert(self, model: Any, **values: object) -> None:
        table = model.__table__
        filled = {
            column.name: _anything(column)
            for column in table.columns
            if not column.nullable and column.name not in values and _needs_value(column)
        }
        self.session.execute(table.insert().values(**filled, **values))
        self.session.commit()

    def dag(
        self,
        dag_id: str,
        operators: Mapping[str, str],
        *,
        is_stale: bool = False,
        compressed: bool = False,
        params: object = None,
        **fields: object,
    ) -> None:
        import json
        import uuid
        import zlib

        from airflow.models.dag import DagModel
        from airflow.models.dag_version import DagVersion
        from airflow.models.serialized_dag import SerializedDagModel

        version = uuid.uuid4()
        tasks = [
            {
                "__type": "operator",
                "__var": {"task_id": name, "task_type": operator, "aws_conn_id": "written", **fields},
            }
            for name, operator in operators.items()
        ]
        data = {"__version": 3, "dag": {"dag_id": dag_id, "tasks": tasks, "params": params}}
        self.insert(DagModel, dag_id=dag_id, is_stale=is_stale, is_paused=False, bundle_name="tests")
        self.insert(DagVersion, id=version, dag_id=dag_id, version_number=1)
        self.insert(
            SerializedDagModel,
            id=uuid.uuid4(),
            dag_id=dag_id,
            data=None if compressed else data,
            data_compressed=zlib.compress(json.dumps(data).encode()) if compressed else None,
            dag_hash=uuid.uuid4().hex,
            dag_version_id=version,
        )

    def run(self, dag_id: str, run_id: str, *, state: str = "success", due: float = NOW) -> int:
        from airflow.models.dagrun import DagRun

        self.n_runs += 1
        moment = at(due + self.n_runs)
        self.insert(
            DagRun,
            id=self.n_runs,
            dag_id=dag_id,
            run_id=run_id,
            state=state,
            run_type="manual",
            run_after=moment,
            logical_date=moment,
            start_date=moment,
            end_date=None if state == "running" else at(due + self.n_runs + 90),
        )
        return self.n_runs

    def task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        operator: str,
        *,
        state: str = "success",
        number: int = 1,
        outputs: Mapping[str, object] | None = None,
        rendered: Mapping[str, object] | None = None,
        asked: dict[str, Any] | None = None,
    ) -> None:
        import uuid

        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.xcom import XComModel

        place = {"dag_id": dag_id, "task_id": task_id, "run_id": run_id, "map_index": -1}
        key = TaskInstance.__table__.columns["id"].type.python_type(uuid.uuid4().hex)  # text on Airflow 3.1
        self.insert(
            TaskInstance,
            id=key,
            **place,
            operator=operator,
            state=state,
            try_number=1,
            start_date=at(NOW),
            end_date=at(NOW + 5),
        )
        for name, value in (outputs or {}).items():
            self.insert(XComModel, **place, dag_run_id=number, key=name, value=value, timestamp=at(NOW))
        if asked:
            from airflow.models.hitl import HITLDetail

            self.insert(HITLDetail, ti_id=key, created_at=at(NOW), params=asked.pop("params", {}), **asked)
        if rendered:
            self.insert(RenderedTaskInstanceFields, **place, rendered_fields=rendered)


def _needs_value(column: Any) -> bool:
    return column.default is None and column.server_default is None and column.autoincrement is not True


def _anything(column: Any) -> object:
    kinds: dict[type, object] = {int: 1, bool: False, float: 0.0, str: "x", datetime: at(NOW)}
    return kinds.get(column.type.python_type, "x")


@pytest.fixture(scope="session")
def tables() -> Iterator[Any]:
    """An empty database of Airflow's, in the test session's own Airflow home."""
    from airflow import settings
    from airflow.models import import_all_models
    from airflow.models.base import Base

    import_all_models()  # type: ignore[no-untyped-call]
    settings.configure_orm()  # type: ignore[no-untyped-call]
    engine = settings.engine
    assert engine
    Base.metadata.create_all(engine)
    yield settings
    engine.dispose()


@pytest.fixture
def rows(tables: Any) -> Iterator[Rows]:
    from airflow.models.base import Base
    from airflow.models.dagbundle import DagBundleModel
    from sqlalchemy import text

    session = tables.Session()
    session.execute(text("PRAGMA foreign_keys=OFF"))
    written = Rows(session)
    written.insert(DagBundleModel, name="tests")
    yield written
    session.rollback()
    for name in WRITTEN:
        session.execute(Base.metadata.tables[name].delete())
    session.commit()
    tables.Session.remove()


@pytest.fixture(scope="package")
def guard() -> Iterator[Any]:
    """Airflow's simple auth manager, with users who may see some DAGs only, or no XComs."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class Guard(SimpleAuthManager):
        def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
            if not super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details):
                return False
            if user.username == "without_xcoms" and access_entity is DagAccessEntity.XCOM:
                return False
            if user.username == "without_questions" and access_entity is DagAccessEntity.HITL_DETAIL:
                return False
            is_other = details is not None and details.id not in (None, "tutor")
            return not (user.username == "only_tutor" and is_other)

        def is_authorized_hitl_task(self, *, assigned_users: set[str], user: Any) -> bool:
            return user.username in assigned_users

    module = ModuleType("tests_plugin_guard")
    module.Guard = Guard  # type: ignore[attr-defined]
    sys.modules["tests_plugin_guard"] = module
    settings = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests_plugin_guard.Guard",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the tests, long enough to sign with: 64 bytes or more",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    from airflow.api_fastapi.app import create_auth_manager, purge_cached_app

    purge_cached_app()
    yield create_auth_manager()
    purge_cached_app()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture
def client(guard: Any, services: Services, clock: FakeClock) -> Callable[..., TestClient]:
    """A browser of the user of that name, signed in; not signed in without a name."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    from airflow_provider_bedrock_rft.plugin.app import build_app
    from airflow_provider_bedrock_rft.plugin.cache import Cache
    from airflow_provider_bedrock_rft.plugin.metadata import AirflowMetadata
    from airflow_provider_bedrock_rft.plugin.pages import Pages
    from airflow_provider_bedrock_rft.plugin.remote import Remote
    from airflow_provider_bedrock_rft.plugin.views.pulse import Price

    price = lambda: Price(per_hour=60.0, currency="EUR")  # noqa: E731
    app = build_app(Pages(AirflowMetadata(), Remote(Cache(clock), Cache(clock), services.connect), clock, price))

    def browser(username: str = "", role: str | None = "viewer") -> TestClient:
        headers = {}
        if username:
            token = guard.generate_jwt(SimpleAuthManagerUser(username=username, role=role))
            headers = {"Authorization": f"Bearer {token}"}
        return TestClient(app, headers=headers)

    return browser
