"""A real Airflow beside a real emulator, in a folder of the test session's own.

Every module here is marked ``xdist_group("stack")``: what shares the stack runs in one worker, one after the other.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli.laptop import prepare_account
from airflow_provider_bedrock_rft.cli.processes import python_module
from airflow_provider_bedrock_rft.cli.stack import Stack, example_dags, open_stack
from airflow_provider_bedrock_rft.cli.stack_environment import airflow_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HERE = Path(__file__).parent
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "5",
    # a busy machine is not a dead one
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "120",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "30",
}


class PatientStack(Stack):
    """A stack for many tasks at once that mostly wait for a disaster to pass."""

    def start_component(self, component: str) -> None:
        environment = {**airflow_environment(self), **SETTINGS}
        self._start(component, python_module("airflow", component), environment)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("stack")
    dags = shutil.copytree(example_dags(), home / "dags")
    shutil.copytree(HERE / "dags", dags, dirs_exist_ok=True)
    opened = open_stack(home, dags)
    started = PatientStack(**{field.name: getattr(opened, field.name) for field in fields(opened)})
    try:
        started.start()
        prepare_account(started)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def dates(stack: Stack) -> list[str | None]:
    """The date of the run that the retraining's schedule would create at once; it is taken by the first run."""
    stack.wait_until("the DAG", lambda: stack.api.has_dag("recurring_retraining"))
    return [stack.api.due_date("recurring_retraining")]


@pytest.fixture(scope="session")
def striking() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tests_fakes_striking", HERE.parent / "fakes" / "striking.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
