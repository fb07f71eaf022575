"""The example DAG under a real scheduler, against the emulator: once undisturbed, once with everything killed in turn."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli.laptop import DEFAULT_DATASET, emulator_session, put_dataset
from airflow_provider_bedrock_rft.cli.stack import Stack
from airflow_provider_bedrock_rft.core.errors import RftError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(600), pytest.mark.xdist_group("stack")]

DAG_ID = "recurring_retraining"
ALIAS = f"/bedrock-rft/{DAG_ID}/champion"
RUN_SECONDS = 300


@dataclass
class Run:
    """One run of the example DAG, and the jobs it made."""

    stack: Stack
    run_id: str
    jobs_before: set[str]

    def state(self) -> str:
        return str(self.ask(lambda: self.stack.api.run_state(DAG_ID, self.run_id)) or "unknown")

    def tasks(self) -> dict[str, str]:
        states = self.ask(lambda: self.stack.api.task_states(DAG_ID, self.run_id)) or []
        return {task.task_id: str(task.state) for task in states}

    def ask(self, question: Callable[[], object]) -> object:
        try:
            return question()
        except RftError:
            return None  # somebody is being killed just now

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + RUN_SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, f"{what} did not happen: {self.state()} {self.tasks()}"
            time.sleep(0.5)

    def finish(self) -> str:
        self.wait_for(lambda: self.state() in {"success", "failed"}, "the end of the run")
        return self.state()

    def new_jobs(self) -> set[str]:
        return job_ids(self.stack) - self.jobs_before

    def n_steps(self) -> int:
        """Steps the newest job has made."""
        try:
            events = [
                event for job in self.new_jobs() for event in emulator_session(self.stack).training.list_events(job)
            ]
        except RftError:
            return 0
        return max((event.step or 0 for event in events), default=0)

    def errors(self, task_id: str) -> str:
        tries = {task.task_id: task.try_number for task in self.stack.api.task_states(DAG_ID, self.run_id)}
        return " ".join(self.stack.api.errors(DAG_ID, self.run_id, task_id, try_number=tries[task_id]))


def job_ids(stack: Stack) -> set[str]:
    return {job.job_id for job in emulator_session(stack).training.list_jobs(created_after=0.0)}


@pytest.fixture
def start_run(stack: Stack, dates: list[str | None]) -> Callable[..., Run]:

    def start(run_id: str, **conf: object) -> Run:
        run = Run(stack, run_id, job_ids(stack))
        date = dates.pop() if dates else None
        stack.api.trigger(DAG_ID, conf={"dataset": DEFAULT_DATASET, **conf}, run_id=run_id, logical_date=date)
        stack.api.unpause(DAG_ID)
        return run

    return start


def kill(stack: Stack, name: str) -> None:
    os.killpg(stack.processes[name].pid, signal.SIGKILL)


def champion(stack: Stack) -> str:
    parameter = emulator_session(stack).parameters.get(ALIAS)
    return "" if parameter is None else parameter.value


def test_killing_everything_in_turn_ends_in_the_same_promotion_with_one_job(
    stack: Stack, start_run: Callable[..., Run]
) -> None:
    run = start_run("killed", n_epochs=4)
    run.wait_for(lambda: run.tasks().get("train") == "deferred" and run.n_steps() > 5, "training")
    kill(stack, "emulator")
    stack.start_emulator()
    kill(stack, "triggerer")
    stack.start_component("triggerer")
    kill(stack, "scheduler")
    stack.start_component("scheduler")
    assert run.finish() == "success", run.tasks()
    assert len(run.new_jobs()) == 1
    job = emulator_session(stack).training.get_job(run.new_jobs().pop())
    assert job.status == "succeeded"
    assert job.tuned_model in champion(stack)
    steps = [event.step for event in emulator_session(stack).training.list_events(job.job_id) if event.step]
    assert sorted(steps) == list(range(1, max(steps) + 1))


BROKEN_GRADER = """
def grade(completion: str, reference: object) -> float:
    raise ValueError("the grader is broken on purpose")
"""


def test_a_poisoned_dataset_is_refused_before_anything_is_uploaded(
    stack: Stack, start_run: Callable[..., Run], tmp_path: Path
) -> None:
    poisoned = tmp_path / "poisoned.jsonl"
    good = '{"messages": [{"role": "user", "content": "What is %d + 1?"}], "reference_answer": "%d"}\n'
    poisoned.write_text("".join(good % (n, n + 1) for n in range(200)) + '{"messages": [\n')
    run = start_run("poisoned", dataset=put_dataset(stack, poisoned))
    assert run.finish() == "failed"
    assert run.new_jobs() == set()
    assert "201" in run.errors("split_dataset")


def test_a_grader_that_raises_fails_before_a_job_is_paid_for(start_run: Callable[..., Run], tmp_path: Path) -> None:
    grader = tmp_path / "broken.py"
    grader.write_text(BROKEN_GRADER)
    run = start_run("broken-grader", grader=f"{grader}:grade")
    assert run.finish() == "failed"
    assert run.new_jobs() == set()
    assert "[grader-raises]" in run.errors("deploy_grader")
