"""Where the demo's time and memory go: each phase beside the time that importing Airflow takes in the same run.

python benchmarks/demo.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from airflow_provider_bedrock_rft.cli.demo import DAG_ID, watch
from airflow_provider_bedrock_rft.cli.demo_progress import Progress
from airflow_provider_bedrock_rft.cli.laptop import DEFAULT_DATASET, prepare_account
from airflow_provider_bedrock_rft.cli.stack import Stack, example_dags, open_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_ID = "demo"
PHASES: dict[str, float] = {}


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Measure what is done inside."""
    started = time.perf_counter()
    yield
    PHASES[name] = time.perf_counter() - started


def megabytes(stack: Stack) -> float:
    """Memory of all processes, shared pages counted once."""
    found = 0
    for started in stack.processes.values():
        process = psutil.Process(started.pid)
        for member in [process, *process.children(recursive=True)]:
            found += member.memory_full_info().pss
    return found / 1e6


def main() -> None:
    """Run the demo's phases one by one."""
    with phase("import airflow (baseline)"):
        subprocess.run([sys.executable, "-c", "import airflow.sdk"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = open_stack(Path(folder), example_dags())
        try:
            with phase("emulator up"):
                stack.start_emulator()
            with phase("airflow up"):
                stack.start_airflow()
            prepare_account(stack)
            stack.wait_until("the DAG", lambda: stack.api.has_dag(DAG_ID))
            with phase("one retraining"):
                run(stack)
            used = megabytes(stack)
        finally:
            with phase("down"):
                stack.stop()
    baseline = PHASES["import airflow (baseline)"]
    for name, seconds in PHASES.items():
        print(f"{name:<28}{seconds:7.1f} s   {seconds / baseline:6.1f} x")
    print(f"{'memory at the end':<28}{used:7.0f} MB")


def run(stack: Stack) -> None:
    """One run of the example DAG, to its end."""
    due = stack.api.due_date(DAG_ID)
    stack.api.trigger(DAG_ID, conf={"dataset": DEFAULT_DATASET}, run_id=RUN_ID, logical_date=due)
    stack.api.unpause(DAG_ID)
    if watch(stack, Progress(stack)) != "success":
        raise SystemExit("The run failed.")


if __name__ == "__main__":
    main()
