"""Airflow's own database, read in the API server's process: DAGs, runs, task instances, and what they handed on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import Text, func, or_, select
from sqlalchemy import cast as sql_cast

from airflow_provider_bedrock_rft.plugin.facts import Output, Pipeline, Question, Run, Task, TaskRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any, TypeAlias

    from sqlalchemy.orm import Session

    _Content: TypeAlias = tuple[tuple[Task, ...], frozenset[str]]

OURS = "BedrockRft"
KEYS = ("return_value", "job_id")
NOTHING: _Content = ((), frozenset())
"""Of a DAG without tasks of ours."""
MAX_KNOWN = 20_000
"""Versions of DAGs that are remembered."""
MAX_OUTPUTS = 2_000
"""Outputs read at once; a run of ours has some ten."""


class AirflowMetadata:
    """The facts as they are at the moment of asking."""

    def __init__(self) -> None:
        self._known: Mapping[tuple[Any, datetime], _Content] = {}

    def pipelines(self) -> tuple[Pipeline, ...]:
        """Every DAG that has a task of ours, by its newest version; a version is read once per process."""
        with create_session() as session:
            found = self._contents(session, SerializedDagModel.dag_id.is_not(None))
            alive = select(DagModel.dag_id, DagModel.is_paused).where(DagModel.is_stale.is_(False))
            is_paused = dict(session.execute(alive).tuples().all())
        return tuple(
            Pipeline(dag_id=dag_id, tasks=tasks, params=params, is_paused=bool(is_paused[dag_id]))
            for dag_id, (tasks, params) in sorted(found.items())
            if tasks and dag_id in is_paused
        )

    def pipeline(self, dag_id: str) -> Pipeline | None:
        """The DAG, unless it has no task of ours."""
        with create_session() as session:
            tasks, params = self._contents(session, SerializedDagModel.dag_id == dag_id).get(dag_id, NOTHING)
            alive = select(DagModel.is_paused).where(DagModel.dag_id == dag_id, DagModel.is_stale.is_(False))
            is_paused = session.scalar(alive)
        if is_paused is None or not tasks:
            return None
        return Pipeline(dag_id=dag_id, tasks=tasks, params=params, is_paused=bool(is_paused))

    def _contents(self, session: Session, which: Any) -> Mapping[str, _Content]:  # noqa: ANN401 - an SQL expression
        """DAG → the tasks and params of its newest version. One that never ran may be written anew in its place."""
        table, known = SerializedDagModel, dict(self._known)
        versions = session.execute(
            select(table.dag_id, table.id, table.last_updated).where(which).order_by(table.last_updated)
        )
        newest = {dag_id: (version, written_at) for dag_id, version, written_at in versions}
        unread = [version for version in newest.values() if version not in known]
        for start in range(0, len(unread), 50):
            part = dict(unread[start : start + 50])
            known.update(dict.fromkeys(part.items(), NOTHING))
            for found in session.scalars(select(table).where(table.id.in_(part), _mentions_us())):
                known[found.id, part[found.id]] = tuple(tasks_in(found.data)), params_in(found.data)
        self._known = known if len(known) < MAX_KNOWN else {version: known[version] for version in newest.values()}
        return {dag_id: known[version] for dag_id, version in newest.items()}

    def latest_runs(self) -> Mapping[str, Run]:
        """The newest run of every DAG."""
        newest = select(func.max(DagRun.id)).group_by(DagRun.dag_id)
        return {run.dag_id: run for run in _runs(select(DagRun).where(DagRun.id.in_(newest)))}

    def runs(self, dag_id: str, *, offset: int, limit: int) -> tuple[tuple[Run, ...], int]:
        """A page of a DAG's runs, newest first, and how many there are."""
        of_dag = select(DagRun).where(DagRun.dag_id == dag_id)
        with create_session() as session:
            total = session.scalar(select(func.count()).select_from(DagRun).where(DagRun.dag_id == dag_id)) or 0
        return _runs(of_dag.order_by(DagRun.id.desc()).offset(offset).limit(limit)), total

    def run(self, dag_id: str, run_id: str) -> Run | None:
        """The run, ``None`` when it was deleted or never was."""
        found = _runs(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        return found[0] if found else None

    def run_of(self, number: int) -> Run | None:
        """The run of that number."""
        found = _runs(select(DagRun).where(DagRun.id == number))
        return found[0] if found else None

    def run_before(self, run: Run) -> Run | None:
        """The run of the same DAG that was created before it."""
        earlier = select(DagRun).where(DagRun.dag_id == run.dag_id, DagRun.id < run.number)
        found = _runs(earlier.order_by(DagRun.id.desc()).limit(1))
        return found[0] if found else None

    def task_runs(self, run: Run) -> tuple[TaskRun, ...]:
        """The task instances of a run."""
        ti = TaskInstance
        asked = select(
            ti.task_id, ti.map_index, ti.operator, ti.state, ti.try_number, ti.start_date, ti.end_date
        ).where(ti.dag_id == run.dag_id, ti.run_id == run.run_id)
        with create_session() as session:
            return tuple(
                TaskRun(
                    task_id=task_id,
                    map_index=map_index,
                    operator=operator or "",
                    state=str(state or "none"),
                    try_number=try_number or 0,
                    started_at=_seconds(start),
                    ended_at=_seconds(end),
                )
                for task_id, map_index, operator, state, try_number, start, end in session.execute(asked)
            )

    def questions(self, run: Run) -> tuple[Question, ...]:
        """What the run has asked people, in the order of asking."""
        ti = TaskInstance
        asked = (
            select(HITLDetail, ti.task_id, ti.map_index, ti.state)
            .join(ti, HITLDetail.ti_id == ti.id)
            .where(ti.dag_id == run.dag_id, ti.run_id == run.run_id)
            .order_by(HITLDetail.created_at)
        )
        with create_session() as session:
            return tuple(_question(*row) for row in session.execute(asked).unique())

    def outputs(self, runs: Iterable[Run], task_ids: Sequence[str]) -> tuple[Output, ...]:
        """What these tasks have handed on in these runs."""
        numbers = [run.number for run in runs]
        asked = (
            _outputs()
            .where(XComModel.dag_run_id.in_(numbers), XComModel.task_id.in_(task_ids), XComModel.key.in_(KEYS))
            .limit(MAX_OUTPUTS)
        )
        # sorted here: databases would walk the index over all keys of all runs to have them in order
        return tuple(sorted(_read(asked), key=lambda one: isinstance(one.value, str), reverse=True))

    def newest_outputs(self, dag_id: str, task_ids: Sequence[str], *, limit: int) -> tuple[Output, ...]:
        """What these tasks have handed on in any run, newest first."""
        asked = (
            _outputs()
            .where(XComModel.dag_id == dag_id, XComModel.task_id.in_(task_ids), _key().in_(KEYS))
            .order_by(XComModel.timestamp.desc())
            .limit(limit)
        )
        return _read(asked)

    def last_output(self, dag_id: str, task_ids: Sequence[str]) -> Output | None:
        """The newest of all that these tasks have handed on."""
        asked = (
            _outputs()
            .where(XComModel.dag_id == dag_id, XComModel.task_id.in_(task_ids), _key() == KEYS[0])
            .order_by(XComModel.timestamp.desc())
            .limit(1)
        )
        return next(iter(_read(asked)), None)

    def rendered(self, run: Run, task_id: str, map_index: int) -> Mapping[str, object]:
        """A task instance's rendered fields; empty where Airflow keeps them no longer."""
        fields = RenderedTaskInstanceFields
        asked = select(fields.rendered_fields).where(
            fields.dag_id == run.dag_id,
            fields.run_id == run.run_id,
            fields.task_id == task_id,
            fields.map_index == map_index,
        )
        with create_session() as session:
            found = session.scalar(asked)
        return found if isinstance(found, dict) else {}


def tasks_in(serialized: object) -> Iterable[Task]:
    """Our tasks in a serialized DAG, whatever else it holds."""
    for task in _list(_mapping(_mapping(serialized).get("dag")).get("tasks")):
        fields = _mapping(task.get("__var", task) if isinstance(task, dict) else {})
        operator = str(fields.get("task_type", fields.get("_task_type", "")))
        if not operator.startswith(OURS):
            continue
        partial = {**_mapping(fields.get("partial_kwargs")), **fields}
        connection = partial.get("aws_conn_id", "aws_default")
        region = partial.get("region_name")
        yield Task(
            task_id=str(fields.get("task_id", "")),
            operator=operator,
            model=model if isinstance(model := partial.get("model"), str) else "",
            aws_conn_id=connection if isinstance(connection, str) else None,
            region_name=region if isinstance(region, str) else None,
        )


def params_in(serialized: object) -> frozenset[str]:
    """The names of a serialized DAG's params: pairs, or a mapping."""
    found = _mapping(_mapping(serialized).get("dag")).get("params")
    names = [pair[0] for pair in _list(found) if isinstance(pair, (list, tuple)) and pair]
    return frozenset(str(name) for name in [*names, *_mapping(found)])


def _mentions_us() -> Any:  # noqa: ANN401 - an SQL expression
    """Narrows the search in the database; compressed DAGs have to be looked into here."""
    table = SerializedDagModel.__table__.c
    return or_(table.data_compressed.is_not(None), sql_cast(table.data, Text).like(f"%{OURS}%"))


def _runs(asked: Any) -> tuple[Run, ...]:  # noqa: ANN401 - an SQL expression
    with create_session() as session:
        return tuple(
            Run(
                dag_id=run.dag_id,
                run_id=run.run_id,
                number=run.id,
                state=str(run.state),
                run_after=_seconds(run.run_after) or 0.0,
                started_at=_seconds(run.start_date),
                ended_at=_seconds(run.end_date),
            )
            for run in session.scalars(asked)
        )


def _question(asked: HITLDetail, task_id: str, map_index: int, state: object) -> Question:
    return Question(
        task_id=task_id,
        map_index=map_index,
        state=str(state or "none"),
        subject=asked.subject,
        options=_names(asked.options),
        has_form=bool(asked.params or asked.multiple),
        asked_at=_seconds(asked.created_at) or 0.0,
        assigned=frozenset(str(_mapping(one).get("id")) for one in _list(asked.assignees)),
        chosen=_names(asked.chosen_options),
        answered_by=str(_mapping(asked.responded_by).get("name", "")),
        answered_at=_seconds(asked.responded_at),
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in _list(value))


def _key() -> Any:  # noqa: ANN401 - an SQL expression
    """The key, in a form that no index answers: a database would take that of all keys for a few rows of one DAG."""
    return func.coalesce(XComModel.key, "")


def _outputs() -> Any:  # noqa: ANN401 - an SQL expression
    return select(XComModel.task_id, XComModel.map_index, XComModel.value, XComModel.dag_run_id, XComModel.timestamp)


def _read(asked: Any) -> tuple[Output, ...]:  # noqa: ANN401 - an SQL expression
    with create_session() as session:
        rows = session.execute(asked).all()
    return tuple(
        Output(task_id=task_id, map_index=map_index, value=_plain(value), run_number=number, at=_seconds(at) or 0.0)
        for task_id, map_index, value, number, at in rows
    )


def _plain(value: object) -> object:
    """Airflow keeps JSON, or JSON written as text."""
    if not isinstance(value, str):
        return value
    try:
        return cast("object", json.loads(value))
    except ValueError:
        return value


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
