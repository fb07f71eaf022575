"""A real Airflow beside a real emulator, in a folder of the test session's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli.laptop import prepare_account
from airflow_provider_bedrock_rft.cli.stack import Stack, example_dags, open_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that share the stack run in one worker, one after the other."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("stack")
    started = open_stack(home, example_dags())
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
