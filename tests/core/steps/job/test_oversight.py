"""Watching one job: everything once, whatever dies, and alarms that mean what they say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    InvalidInput,
    InvalidPayload,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_bedrock_rft.core.job.alarm import Action, AlarmPolicy, Budget
from airflow_provider_bedrock_rft.core.job.diagnosis import Code
from airflow_provider_bedrock_rft.core.job.ending import EndingKind
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.job.oversight import Oversight
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage
from airflow_provider_bedrock_rft.core.steps.held_out import HeldOutRewards
from airflow_provider_bedrock_rft.core.steps.lineage import write_manifest
from airflow_provider_bedrock_rft.core.steps.metrics import JobRecord
from airflow_provider_bedrock_rft.core.steps.oversight import Overseer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

START = 1_793_100_000.0
JOB = Job(job_id="ftjob-1", status="running", model="m", training_data="f", grader_arn="a", created_at=START)
ROOT = "s3://bucket/run"
STOP = Oversight(alarms=AlarmPolicy(actions={"equal-rewards": Action.STOP}), artifacts_uri=ROOT)


def event(step: int, reward: float = 0.0, **metrics: float) -> JobEvent:
    return JobEvent(
        event_id=f"e{step}",
        created_at=START + step,
        level="info",
        message="",
        step=step,
        total_steps=300,
        metrics={"critic_rewards_mean": reward or step / 300, **metrics},
    )


def message(number: int) -> JobEvent:
    return JobEvent(event_id=f"m{number}", created_at=START + number, level="info", message=f"Message {number}.")


@pytest.fixture
def world(fakes: ModuleType) -> Any:
    world = fakes.World()
    world.jobs.append(JOB)
    return world


@pytest.fixture
def record(fakes: ModuleType, world: Any) -> JobRecord:
    return JobRecord(fakes.FakeObjects(world), artifacts_uri=ROOT, job_id="ftjob-1")


@pytest.fixture
def overseer(record: JobRecord) -> Callable[..., Overseer]:
    return lambda oversight=STOP: Overseer(oversight, lambda: record)


@pytest.fixture
def training(fakes: ModuleType, world: Any) -> Any:
    return fakes.FakeTraining(world)


def ids(record: JobRecord) -> list[str]:
    return [event.event_id for event in record.events()]


def test_events_are_kept_as_they_come_each_once(
    overseer: Callable[..., Overseer], record: JobRecord, training: Any, world: Any
) -> None:
    watching = overseer()
    world.events["ftjob-1"] = [event(1), message(1)]
    assert len(watching.look(training, JOB, now=START).events) == 2
    assert ids(record) == ["m1", "e1"]
    world.events["ftjob-1"] = [message(1), event(2), event(1), event(2)]
    assert [new.event_id for new in watching.look(training, JOB, now=START).events] == ["e2"]
    assert ids(record) == ["m1", "e1", "e2"]
    assert not watching.look(training, JOB, now=START).events


def test_evaluations_of_checkpoints_tell_reward_hacking(
    fakes: ModuleType, record: JobRecord, training: Any, world: Any
) -> None:
    """The training reward rises, and each checkpoint that another task of the run evaluates is worse."""
    folder, objects = f"{ROOT}/lineage/tutor/run-1", fakes.FakeObjects(world)
    world.events["ftjob-1"] = [event(step) for step in range(1, 101)]
    world.checkpoints["ftjob-1"] = [
        Checkpoint(checkpoint_id=f"c{step}", job_id="ftjob-1", step=step, model=f"ft-{step}", created_at=START + step)
        for step in (20, 40, 60)
    ]
    watching = Overseer(STOP, lambda: record, HeldOutRewards(lambda: objects, folder))
    for mean, model in ((0.5, "m"), (0.45, "ft-20"), (0.3, "ft-40"), (0.1, "ft-60")):
        assert not watching.look(training, JOB, now=START).findings
        manifest = Manifest(
            pipeline="tutor",
            run_id="run-1",
            stage=Stage.EVALUATION,
            inputs={"model": f"model:{model}"},
            results={"mean": mean},
        )
        write_manifest(objects, manifest, artifacts_uri=ROOT)
    found = [finding for _ in range(5) for finding in watching.look(training, JOB, now=START).findings]
    assert [finding.code for finding in found] == [Code.REWARD_HACKING]


def test_a_manifest_that_cannot_be_read_is_trouble_and_no_end(
    fakes: ModuleType, record: JobRecord, training: Any, world: Any
) -> None:
    objects = fakes.FakeObjects(world)
    objects.put_bytes(f"{ROOT}/lineage/tutor/run-1/evaluation-1.json", b"{")
    watching = Overseer(STOP, lambda: record, HeldOutRewards(lambda: objects, f"{ROOT}/lineage/tutor/run-1"))
    seen = watching.look(training, JOB, now=START)
    assert ["evaluation-1.json is no manifest" in str(error) for error in seen.troubles] == [True]


def test_a_hundred_steps_share_an_object(overseer: Callable[..., Overseer], training: Any, world: Any) -> None:
    world.events["ftjob-1"] = [event(step) for step in range(1, 251)]
    overseer().look(training, JOB, now=START)
    assert sorted(world.objects) == [f"{ROOT}/jobs/ftjob-1/events-{step:05d}.jsonl" for step in (0, 100, 200)]


def test_a_new_process_goes_on_where_the_old_one_was_killed(
    overseer: Callable[..., Overseer], record: JobRecord, training: Any, world: Any
) -> None:
    world.events["ftjob-1"] = [event(step) for step in range(1, 151)]
    overseer().look(training, JOB, now=START)
    world.events["ftjob-1"].append(event(151))
    assert [new.event_id for new in overseer().look(training, JOB, now=START).events] == ["e151"]
    assert len(ids(record)) == 151


@pytest.mark.parametrize("kill", range(1, 14))
@pytest.mark.parametrize("when", ["kill_before", "kill_after"])
def test_killed_at_any_call_nothing_is_lost_and_nothing_is_doubled(
    fakes: ModuleType,
    overseer: Callable[..., Overseer],
    record: JobRecord,
    training: Any,
    world: Any,
    kill: int,
    when: str,
) -> None:
    everything = [event(step, 0.5) for step in range(90, 120)] + [message(1)]
    world.events["ftjob-1"] = list(everything)
    world.new_worker(**{when: kill})
    with suppress(fakes.WorkerKilled):
        overseer().look(training, JOB, now=START)
    world.new_worker()
    overseer().look(training, JOB, now=START)
    assert sorted(ids(record)) == sorted(kept.event_id for kept in everything)
    assert [found.code for found in record.findings()] == [Code.EQUAL_REWARDS]


def test_two_watchers_at_once_lose_nothing_in_the_end(
    overseer: Callable[..., Overseer], record: JobRecord, training: Any, world: Any
) -> None:
    one, two = overseer(), overseer()
    for step in range(1, 40):
        world.events["ftjob-1"] = [event(known) for known in range(1, step + 1)]
        (one if step % 2 else two).look(training, JOB, now=START)
    world.objects.clear()  # the worst that a race could do
    world.end("ftjob-1", "succeeded")
    one.look(training, world.jobs[0], now=START)
    assert ids(record) == [f"e{step}" for step in range(1, 40)]


def test_a_store_that_fails_costs_nothing_but_time(
    overseer: Callable[..., Overseer], record: JobRecord, training: Any, world: Any
) -> None:
    watching = overseer()
    world.events["ftjob-1"] = [event(1)]
    world.failures = {"put_bytes": [ServiceUnavailable("503."), Throttled("Slow down.")], "list": [AccessDenied("No.")]}
    seen = watching.look(training, JOB, now=START)
    assert [type(error) for error in seen.troubles] == [AccessDenied]
    assert len(seen.events) == 1
    assert all(watching.look(training, JOB, now=START).troubles for _ in range(2))
    assert not watching.look(training, JOB, now=START).troubles
    assert ids(record) == ["e1"]


def test_a_metric_that_is_no_number_is_kept_as_absent(
    overseer: Callable[..., Overseer], record: JobRecord, training: Any, world: Any
) -> None:
    world.events["ftjob-1"] = [event(1, actor_entropy=float("nan"))]
    overseer().look(training, JOB, now=START)
    assert set(record.events()[0].metrics) == {"critic_rewards_mean"}


def test_a_record_that_somebody_has_broken_is_named(record: JobRecord, world: Any) -> None:
    world.objects[f"{ROOT}/jobs/ftjob-1/messages.jsonl"] = b"{oops\n"
    with pytest.raises(InvalidPayload, match="cannot be read"):
        record.events()


def test_a_finding_is_told_once_even_across_a_restart(
    overseer: Callable[..., Overseer], training: Any, world: Any
) -> None:
    world.events["ftjob-1"] = [event(step, 0.3) for step in range(1, 6)]
    watching = overseer()
    (found,) = watching.look(training, JOB, now=START).findings
    assert str(found).startswith("step 5: error equal-rewards: the mean reward was 0.3")
    world.events["ftjob-1"].append(event(6, 0.3))
    assert not watching.look(training, JOB, now=START).findings
    assert not overseer().look(training, JOB, now=START).findings


def verdict_of(overseer: Overseer, training: Any, world: Any, *, now: float = START + 10) -> Any:
    world.events["ftjob-1"] = [event(step, 0.3) for step in range(1, 6)]
    overseer.look(training, JOB, now=now)
    return overseer.verdict(JOB, created_at=JOB.created_at, now=now)


def test_an_alarm_names_rule_step_and_numbers(overseer: Callable[..., Overseer], training: Any, world: Any) -> None:
    verdict = verdict_of(overseer(), training, world)
    assert verdict.stops
    assert verdict.ending.reason is EndingKind.ALARM
    assert "equal-rewards at step 5: the mean reward was 0.3" in verdict.ending.message
    assert "stopped" in verdict.ending.message


def test_an_alarm_that_fails_leaves_the_job(overseer: Callable[..., Overseer], training: Any, world: Any) -> None:
    verdict = verdict_of(overseer(Oversight(alarms=AlarmPolicy(default=Action.FAIL))), training, world)
    assert not verdict.stops
    assert "still running" in verdict.ending.message


def test_a_finding_that_is_only_logged_ends_nothing(
    overseer: Callable[..., Overseer], training: Any, world: Any
) -> None:
    assert verdict_of(overseer(Oversight()), training, world) is None
    assert verdict_of(overseer(None), training, world) is None


def test_the_budget_stops_the_job(overseer: Callable[..., Overseer], training: Any, world: Any) -> None:
    oversight = Oversight(budget=Budget(max_hours=0.5))
    assert verdict_of(overseer(oversight), training, world) is None
    verdict = verdict_of(overseer(oversight), training, world, now=START + 1800)
    assert verdict.stops
    assert verdict.ending.reason is EndingKind.BUDGET
    assert "0.5 h" in verdict.ending.message


@pytest.mark.parametrize(("status", "is_failure"), [("succeeded", True), ("failed", False), ("cancelled", False)])
def test_a_curve_means_the_same_however_late_it_is_looked_at(
    overseer: Callable[..., Overseer], training: Any, world: Any, status: str, *, is_failure: bool
) -> None:
    world.events["ftjob-1"] = [event(step, 0.3) for step in range(1, 6)]
    watching = overseer()
    ended = replace(JOB, status=status, finished_at=START + 90)
    watching.look(training, ended, now=START + 9e6)
    ending = watching.last_word(ended)
    assert (ending is not None) is is_failure
    if ending:
        assert ending.reason is EndingKind.ALARM


def test_the_silence_of_a_job_that_has_ended_is_no_finding(
    overseer: Callable[..., Overseer], training: Any, world: Any
) -> None:
    world.events["ftjob-1"] = [event(1)]
    watching = overseer(Oversight(alarms=AlarmPolicy(default=Action.STOP)))
    assert [found.code for found in watching.look(training, JOB, now=START + 9000).findings] == [Code.STALLED]
    ended = replace(JOB, status="succeeded")
    watching.look(training, ended, now=START + 9000)
    assert watching.last_word(ended) is None


@pytest.mark.parametrize("given", [{"equal_rewards": "stop"}, {"equal-rewards": "halt"}, {"plateau": None}])
def test_alarms_that_do_not_exist_are_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(given))}"):
        AlarmPolicy.parse(given)


def test_alarms_by_their_words() -> None:
    policy = AlarmPolicy.parse({"default": "ignore", "stalled": "fail", "plateau": Action.STOP})
    assert policy == AlarmPolicy(default=Action.IGNORE, actions={"stalled": Action.FAIL, "plateau": Action.STOP})


def test_a_plan_carries_the_oversight_and_old_plans_still_load() -> None:
    plan = WaitPlan(job_id="j", created_at=START, deadline_at=START + 9e6, oversight=STOP)
    assert codec.load(WaitPlan, codec.dump(plan)) == plan
    old = {key: value for key, value in codec.dump(plan).items() if key not in {"oversight", "attached_at"}}
    assert codec.load(WaitPlan, old) == replace(plan, oversight=None)
    assert plan.fixed_at == START + 9e6
    assert replace(plan, oversight=Oversight(budget=Budget(max_hours=1))).fixed_at == START + 3600
