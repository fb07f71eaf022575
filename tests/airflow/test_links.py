"""Where the buttons on a task instance lead."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.taskinstancekey import TaskInstanceKey

import airflow_provider_bedrock_rft as package
from airflow_provider_bedrock_rft.links import BedrockRftPageLink

pytestmark = pytest.mark.airflow

TASK: Any = package.BedrockRftUploadDatasetOperator(task_id="up.load", dataset="x")


@pytest.mark.parametrize(
    ("base", "map_index", "address"),
    [
        ("https://a.test/b/", -1, "https://a.test/b/dags/d/runs/r%2B1/tasks/up.load/plugin/bedrock-rft-task"),
        ("http://a.test", 3, "http://a.test/dags/d/runs/r%2B1/tasks/up.load/mapped/3/plugin/bedrock-rft-task"),
        ("/", -1, ""),
    ],
)
def test_the_page_is_linked_at_the_tasks_own_tab(
    base: str, map_index: int, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    key: Any = TaskInstanceKey("d", "up.load", "r+1", 1, map_index)
    assert BedrockRftPageLink().get_link(TASK, ti_key=key) == address


def test_every_operator_has_the_link() -> None:
    operators = [getattr(package, name) for name in dir(package) if name.endswith("Operator")]
    assert operators
    for operator in operators:
        assert "RFT page" in [link.name for link in operator.operator_extra_links], operator
