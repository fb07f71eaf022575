"""Readiness to report under a real scheduler: a person approves the first model, a planted one is not even shown."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.cli.laptop import BUCKET, emulator_session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.errors import RequestRejected, RftError
from airflow_provider_bedrock_rft.core.lineage.manifest import Stage, ref
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.lineage import load_lineage
from airflow_provider_bedrock_rft.core.steps.promotion import champion_of, history_of, promote

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.cli.stack import Stack

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900), pytest.mark.xdist_group("stack")]

DAG_ID = "retraining_with_approval"
ROLLBACK = f"{DAG_ID}_rollback"
ARTIFACTS = f"s3://{BUCKET}/{DAG_ID}"
BASE = "openai.gpt-oss-20b"
REGISTRY = Registry(pipeline=DAG_ID)
RUN_SECONDS = 400
NOISE = 0.01
"""Of the learning rate: some answers change, and no more than chance gets better."""
WAITING = {"awaiting_input", "deferred"}
"""States of a task that asks a person: of Airflow 3.3, and before."""


class Runs:
    """Runs DAGs one after the other, and looks at what they left behind."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.started: set[str] = set()

    def start(self, dag_id: str, run_id: str, **conf: object) -> None:
        api = self.stack.api
        self.stack.wait_until(dag_id, lambda: api.has_dag(dag_id))
        date = None if dag_id in self.started else api.due_date(dag_id)  # else the schedule makes a run of its own
        self.started.add(dag_id)
        api.trigger(dag_id, conf=conf, run_id=run_id, logical_date=date)
        api.unpause(dag_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task.task_id: str(task.state) for task in self.stack.api.task_states(dag_id, run_id)}

    def wait(self, dag_id: str, run_id: str, is_done: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        give_up_at = time.monotonic() + RUN_SECONDS
        while not is_done(states := self.states(dag_id, run_id)):
            assert time.monotonic() < give_up_at, states
            assert "failed" not in states.values(), self.errors(dag_id, run_id, states)
            time.sleep(0.5)
        return states

    def answer(self, run_id: str, option: str) -> None:
        """Answer as often as Airflow asks.

        An answer that comes before the scheduler has seen the question's worker end costs the task that try, and
        Airflow asks again in the next one. A person is not that fast.
        """

        def is_answered(states: dict[str, str]) -> bool:
            if states.get("approve") in WAITING:
                with suppress(RequestRejected):  # answered already, and not taken up yet
                    self.stack.api.answer(DAG_ID, run_id, "approve", option)
            return states.get("approve") == "success"

        self.wait(DAG_ID, run_id, is_answered)

    def finish(self, dag_id: str, run_id: str) -> dict[str, str]:
        ends = {"success", "failed"}
        self.wait(dag_id, run_id, lambda _: self.stack.api.run_state(dag_id, run_id) in ends)
        states = self.states(dag_id, run_id)  # those of the last look may be older than the run's end
        assert self.stack.api.run_state(dag_id, run_id) == "success", states
        return states

    def errors(self, dag_id: str, run_id: str, states: dict[str, str]) -> list[str]:
        failed = [task_id for task_id, state in states.items() if state == "failed"]
        return [line for task_id in failed for line in self.stack.api.errors(dag_id, run_id, task_id, try_number=1)]

    def output(self, run_id: str, task_id: str, key: str = "return_value") -> Any:
        return self.stack.api.xcom(DAG_ID, run_id, task_id, key=key)

    def champion(self) -> str:
        entry = champion_of(emulator_session(self.stack).parameters, registry=REGISTRY)
        return entry.model if entry else ""


@pytest.fixture(scope="module")
def runs(stack: Stack) -> Runs:
    return Runs(stack)


@pytest.fixture(scope="module")
def approved(runs: Runs) -> str:
    """The model of a first run that a person approved."""
    runs.start(DAG_ID, "first")
    runs.wait(DAG_ID, "first", lambda states: states.get("approve") in WAITING)
    assert runs.champion() == ""
    assert "| difference |" in runs.output("first", "promotion_gate", "markdown")
    runs.answer("first", "Approve")
    states = runs.finish(DAG_ID, "first")
    assert set(states.values()) == {"success"}, states
    return str(runs.output("first", "promotion_gate")["candidate_model"])


def test_an_approved_model_serves_and_everything_is_written_down(runs: Runs, approved: str) -> None:
    session = emulator_session(runs.stack)
    entry = next(entry for entry in history_of(session.parameters, registry=REGISTRY) if entry.number == 1)
    assert entry.model == approved
    assert "approved by admin" in entry.actor
    page = session.objects.get(runs.output("first", "publish_report")["html_uri"]).decode()
    assert approved in page
    assert "champion number 1" in page
    lineage = load_lineage(session.objects, artifacts_uri=ARTIFACTS)
    story = lineage.story(ref("model", approved))
    assert {manifest.stage for manifest in story} == set(Stage) - {Stage.READINESS}
    assert {manifest.stage for manifest in lineage.run("first")} == set(Stage)
    assert runs.output("first", "assess_readiness")["verdict"] == "go"


def test_a_planted_model_is_shown_to_nobody(runs: Runs, approved: str) -> None:
    runs.start(DAG_ID, "planted", learning_rate_multiplier=1e-9)
    states = runs.finish(DAG_ID, "planted")
    assert (states["approve"], states["promote"], states["publish_report"]) == ("skipped", "skipped", "success")
    gate = runs.output("planted", "promotion_gate")
    assert gate["verdict"] in {"hold", "reject"}
    assert gate["baseline_model"] == approved
    assert runs.champion() == approved
    with pytest.raises(RftError):
        runs.output("planted", "promote")
    report = json.loads(emulator_session(runs.stack).objects.get(runs.output("planted", "publish_report")["json_uri"]))
    assert report["decision"] == gate["verdict"]


def test_noise_is_held_and_a_rollback_restores_the_champion(runs: Runs, approved: str) -> None:
    """The base model serves by mistake, and a candidate that hardly learnt anything is no better than that."""
    promote(
        emulator_session(runs.stack).parameters,
        registry=REGISTRY,
        model=BASE,
        promotion_id="by hand",
        actor="somebody",
        reason="A mistake.",
        clock=SystemClock(),
    )
    assert runs.champion() == BASE
    runs.start(DAG_ID, "noise", learning_rate_multiplier=NOISE)
    states = runs.finish(DAG_ID, "noise")
    assert (states["approve"], states["promote"], states["publish_report"]) == ("skipped", "skipped", "success")
    gate = runs.output("noise", "promotion_gate")
    assert (gate["verdict"], gate["baseline_model"]) == ("hold", BASE), gate
    assert gate["n_wins"] > 0, gate
    assert runs.champion() == BASE

    runs.start(ROLLBACK, "regret", reason="It was a mistake.")
    runs.finish(ROLLBACK, "regret")
    assert runs.champion() == approved
