"""A real Airflow beside a real emulator, in a folder of the test session's own.

Every module here is marked ``xdist_group("stack")``: what shares the stack runs in one worker, one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli.laptop import prepare_account
from airflow_provider_bedrock_rft.cli.stack import Stack, example_dags, open_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
