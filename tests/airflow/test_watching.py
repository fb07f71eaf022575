"""A grader that always says the same, on a real emulator: our own diagnosis notices, and the job is stopped."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.core.job.diagnosis import Code
from airflow_provider_bedrock_rft.core.steps.metrics import JobRecord
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("watching")  # one worker trains for the whole module
BUCKET = "rft-watching"
ARTIFACTS = f"s3://{BUCKET}/run"
CONSTANT = "def grade(completion: str, reference: str) -> float:\n    return 0.25\n"


@dataclass
class Bench:
    """A dataset and a constant grader on the emulator."""

    url: str
    hook: BedrockRftHook
    fields: dict[str, Any]

    def slow_down(self, step_seconds: float) -> None:
        request = urllib.request.Request(
            f"{self.url}/_emulator/settings", json.dumps({"step_seconds": step_seconds}).encode(), method="PATCH"
        )
        urllib.request.urlopen(request).close()

    def record(self, job_id: str) -> JobRecord:
        return JobRecord(self.hook.objects, artifacts_uri=ARTIFACTS, job_id=job_id)

    def task(self, task_id: str, **fields: Any) -> Any:
        return rft.BedrockRftCreateJobOperator(task_id=task_id, **{**self.fields, **fields})


@pytest.fixture(scope="module")
def bench(emulator: str, aws_conn_id: str, tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Iterator[Bench]:
    hook = BedrockRftHook(aws_conn_id)
    hook.session.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    folder: Path = tmp_path_factory.mktemp("watching")
    (folder / "train.jsonl").write_text("".join(f"{line}\n" for line in generate_problems(120, seed=9)))
    (folder / "constant.py").write_text(CONSTANT)

    def done(cls: Any, task_id: str, **fields: Any) -> Any:
        task = cls(task_id=task_id, aws_conn_id=aws_conn_id, **fields)
        return task.execute(new_run(task_id).context(task))

    fields = {
        "model": "openai.gpt-oss-20b",
        "dataset": done(rft.BedrockRftUploadDatasetOperator, "upload", dataset=str(folder / "train.jsonl")),
        "grader": done(
            rft.BedrockRftDeployGraderOperator,
            "grader",
            source=f"{folder / 'constant.py'}:grade",
            function_name="constant-grader",
        ),
        "artifacts_uri": ARTIFACTS,
        "poll_interval_seconds": 0.2,
        "deferrable": False,
        "aws_conn_id": aws_conn_id,
    }
    made = Bench(emulator, hook, fields)
    made.slow_down(30.0)
    yield made
    made.slow_down(0.0)


def fired(deferred: Any) -> Any:
    """The trigger's event, with the trigger and the event on their ways through Airflow's database."""
    _, kwargs = deferred.value.trigger.serialize()

    async def event() -> Any:
        return await anext(rft.BedrockRftWaitTrigger(**json.loads(json.dumps(kwargs))).run())

    return json.loads(json.dumps(asyncio.run(event()).payload))


def inline(bench: Bench, run: Any, **fields: Any) -> Any:
    task = bench.task("train", **fields)
    return task.execute(run.context(task))


def deferred(bench: Bench, run: Any, **fields: Any) -> Any:
    task = bench.task("train", deferrable=True, **fields)
    with pytest.raises(TaskDeferred) as pause:
        task.execute(run.context(task))
    event = fired(pause)
    resumed = bench.task("train", deferrable=True, **fields)
    return resumed.execute_complete(run.context(resumed), event=event, **(pause.value.kwargs or {}))


@pytest.mark.parametrize("way", [inline, deferred])
def test_a_constant_grader_is_noticed_and_its_job_is_stopped(
    bench: Bench, new_run: Any, way: Callable[..., Any]
) -> None:
    run = new_run(f"constant-{way.__name__}")
    with pytest.raises(
        AirflowFailException, match=r"JobAlarm: Alarm equal-rewards at step \d+: .* 0\.25 .* was stopped"
    ):
        way(bench, run, alarms={"equal-rewards": "stop"}, hyperparameters={"n_epochs": 20, "batch_size": 4})
    job_id = run.ti.xcoms["job_id"]
    assert bench.hook.training.get_job(job_id).status == "cancelled"
    kept = bench.record(job_id)
    steps = [event.step for event in kept.events() if event.step]
    assert steps == sorted(set(steps))
    assert len(steps) >= 5
    assert Code.EQUAL_REWARDS in {found.code for found in kept.findings()}


def test_an_alarm_that_fails_leaves_the_job_running(bench: Bench, new_run: Any) -> None:
    run = new_run("fail")
    with pytest.raises(AirflowFailException, match="still running"):
        deferred(bench, run, alarms={"equal-rewards": "fail"}, hyperparameters={"n_epochs": 20, "batch_size": 8})
    job_id = run.ti.xcoms["job_id"]
    assert bench.hook.training.get_job(job_id).status == "running"
    bench.hook.training.cancel_job(job_id)


@pytest.mark.parametrize("way", [inline, deferred])
def test_a_used_up_budget_stops_the_job(bench: Bench, new_run: Any, way: Callable[..., Any]) -> None:
    run = new_run(f"budget-{way.__name__}")
    with pytest.raises(AirflowFailException, match=r"BudgetExceeded: .*budget.* was stopped"):
        way(bench, run, budget_hours="0.0001", hyperparameters={"n_epochs": 20, "batch_size": 16})
    assert bench.hook.training.get_job(run.ti.xcoms["job_id"]).status == "cancelled"


def test_a_budget_of_money_counts_by_the_price_list(bench: Bench, new_run: Any) -> None:
    run, prices = new_run("money"), {"openai.gpt-oss-20b": "1000"}
    many_steps = {"n_epochs": 20, "batch_size": 16}
    with pytest.raises(AirflowFailException, match=r"BudgetExceeded: .* costs about .*budget.* was stopped"):
        deferred(bench, run, budget_cost=0.1, prices=prices, hyperparameters=many_steps)
    assert bench.hook.training.get_job(run.ti.xcoms["job_id"]).status == "cancelled"


def test_everything_a_job_reported_is_kept_once(bench: Bench, new_run: Any) -> None:
    bench.slow_down(0.0)
    run = new_run("whole")
    try:
        job = deferred(bench, run, hyperparameters={"n_epochs": 2, "batch_size": 4})
    finally:
        bench.slow_down(30.0)
    kept = [event.event_id for event in bench.record(job["job_id"]).events()]
    reported = {event.event_id for event in bench.hook.training.list_events(job["job_id"])}
    assert sorted(kept) == sorted(reported)


@pytest.mark.parametrize(
    "fields",
    [
        {"alarms": {"equal_rewards": "stop"}},
        {"alarms": {"plateau": "explode"}},
        {"budget_hours": "soon"},
        {"budget_hours": -1},
        {"budget_cost": 5.0},
        {"budget_cost": 5.0, "prices": {"qwen.qwen3-32b": 3.0}},
        {"budget_cost": "five", "prices": {"openai.gpt-oss-20b": 3.0}},
        {"prices": {"openai.gpt-oss-20b": 0}},
        {"prices": "cheap"},
        {"budget_hours": 1.0, "wait_for_completion": False},
        {"alarms": {"plateau": "stop"}, "wait_for_completion": False},
    ],
)
def test_what_cannot_be_watched_is_refused_before_a_job_is_paid(
    bench: Bench, new_run: Any, fields: dict[str, Any]
) -> None:
    run = new_run("refused")
    with pytest.raises(AirflowFailException):
        inline(bench, run, **fields)
    assert "job_id" not in run.ti.xcoms
