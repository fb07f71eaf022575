"""What a page costs does not grow with what it does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi.testclient import TestClient

pytestmark = pytest.mark.airflow


@pytest.fixture
def statements(tables: Any) -> Iterator[list[str]]:
    """The SQL that is executed."""
    executed: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        executed.append(statement)

    event.listen(tables.engine, "before_cursor_execute", note)
    yield executed
    event.remove(tables.engine, "before_cursor_execute", note)


def test_a_page_of_the_overview_asks_as_much_of_many_pipelines_as_of_few(
    client: Callable[..., TestClient], rows: Any, statements: list[str]
) -> None:
    def n_asked() -> int:
        viewer.get("/api/pipelines?limit=3")  # versions are read once
        statements.clear()
        assert len(viewer.get("/api/pipelines?limit=3").json()["items"]) == 3
        return len([one for one in statements if one.lstrip().upper().startswith("SELECT")])

    viewer = client("viewer")
    for number in range(3):
        rows.dag(f"pipeline_{number}", {"gate": "BedrockRftPromotionGateOperator"})
        rows.run(f"pipeline_{number}", "first")
    few = n_asked()
    for number in range(3, 30):
        rows.dag(f"pipeline_{number}", {"gate": "BedrockRftPromotionGateOperator"})
        for run in range(3):
            rows.run(f"pipeline_{number}", f"run_{run}")
    assert n_asked() == few


def test_a_version_that_was_written_anew_is_read_anew(client: Callable[..., TestClient], rows: Any) -> None:
    from datetime import timedelta

    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import update

    rows.dag("tutor", {"gate": "BedrockRftPromotionGateOperator"})
    viewer = client("viewer")
    assert viewer.get("/api/pipelines").json()["total"] == 1
    written = rows.session.query(SerializedDagModel).one()
    later = {"data": {"__version": 3, "dag": {"dag_id": "tutor", "tasks": []}}}
    moment = written.last_updated + timedelta(seconds=1)
    rows.session.execute(update(SerializedDagModel).values(_data=later["data"], last_updated=moment))
    rows.session.commit()
    assert viewer.get("/api/pipelines").json()["total"] == 0
    assert viewer.get("/api/dags/tutor/runs").status_code == 404
