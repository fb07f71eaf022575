"""Sensors: they never stop a job, and never succeed because nobody knew better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_bedrock_rft import BedrockRftCheckpointAvailableSensor, BedrockRftJobCompletedSensor
from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import InvalidPayload, Throttled, UnknownStatus
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

JOB = Job(job_id="ftjob-1", status="running", model="m", training_data="f", grader_arn="a", created_at=0.0)
CHECKPOINT = Checkpoint(checkpoint_id="c", job_id="ftjob-1", step=20, model="m20", created_at=1.0)


def kwargs_of(deferred: Any) -> dict[str, Any]:
    """What the resumed task gets, after its way through Airflow's database."""
    found: dict[str, Any] = json.loads(json.dumps(deferred.value.kwargs))
    return found


@pytest.fixture
def world(fakes: ModuleType) -> Any:
    world = fakes.World(clock=FakeClock())
    world.jobs.append(replace(JOB, created_at=world.clock.now()))
    return world


@pytest.fixture
def sensor(fakes: ModuleType, world: Any, fake_hook: Any) -> Callable[..., Any]:
    def make(cls: type[Any] = BedrockRftJobCompletedSensor, **kwargs: Any) -> Any:
        task = cls(task_id="wait", **{"job": "ftjob-1", "deferrable": False, "poke_interval": 0, **kwargs})
        task.hook = fake_hook(training=fakes.FakeTraining(world))
        task.clock = world.clock
        return task

    return make


def test_a_running_job_is_poked_again(sensor: Any, run: Any) -> None:
    task = sensor()
    assert not task.poke(run.context(task))


def test_a_model_is_success(sensor: Any, world: Any, run: Any) -> None:
    world.end("ftjob-1", "succeeded")
    task = sensor()
    assert task.execute(run.context(task))["tuned_model"] == "tuned:ftjob-1"


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_end_without_a_model_is_failure_without_retry(
    sensor: Any, world: Any, run: Any, status: str, *, deferrable: bool
) -> None:
    world.end("ftjob-1", status)
    task = sensor(deferrable=deferrable)
    with pytest.raises(AirflowFailException, match="ftjob-1"):
        task.execute(run.context(task))


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_unknown_status_is_an_error(sensor: Any, world: Any, run: Any, *, deferrable: bool) -> None:
    world.end("ftjob-1", "transmogrified")
    task = sensor(deferrable=deferrable)
    with pytest.raises(UnknownStatus, match="transmogrified"):
        task.execute(run.context(task))


@pytest.mark.parametrize("deferrable", [False, True])
def test_soft_fail_skips(sensor: Any, world: Any, run: Any, *, deferrable: bool) -> None:
    world.end("ftjob-1", "failed")
    task = sensor(deferrable=deferrable, soft_fail=True)
    with pytest.raises(AirflowSkipException):
        task.execute(run.context(task))


def test_throttling_does_not_fail_a_poke(sensor: Any, world: Any, run: Any) -> None:
    world.failures["get_job"] = [Throttled("Slow down.")]
    task = sensor()
    assert not task.poke(run.context(task))


def test_the_timeout_of_a_deferred_sensor_is_an_absolute_deadline(sensor: Any, world: Any, run: Any) -> None:
    task = sensor(deferrable=True, timeout=3600, poke_interval=30)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    assert deferred.value.timeout is None
    assert deferred.value.trigger.plan.deadline_at == world.clock.now() + 3600
    assert deferred.value.trigger.plan.min_poll_seconds == 30
    assert deferred.value.trigger.on_cancel == "leave"


def test_a_deferred_sensor_whose_time_ran_out_fails(sensor: Any, run: Any) -> None:
    task = sensor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    event = dump(Ending(job_id="ftjob-1", reason=EndingKind.TIMEOUT, message="Gave up."))
    with pytest.raises(AirflowSensorTimeout):
        task.execute_complete(run.context(task), event=event, **kwargs_of(deferred))


@pytest.mark.parametrize("event", [None, {}, {"status": "success"}])
def test_a_deferred_sensor_without_a_readable_event_fails(sensor: Any, run: Any, event: object) -> None:
    task = sensor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    with pytest.raises(InvalidPayload):
        task.execute_complete(run.context(task), event=event, **kwargs_of(deferred))


def test_a_killed_sensor_leaves_the_job(sensor: Any, world: Any, run: Any) -> None:
    task = sensor()
    task.poke(run.context(task))
    task.on_kill()
    assert "cancel_job" not in world.log


def test_a_checkpoint_while_the_job_goes_on(sensor: Any, world: Any, run: Any) -> None:
    world.checkpoints["ftjob-1"] = [CHECKPOINT]
    task = sensor(BedrockRftCheckpointAvailableSensor, step="20")
    assert task.execute(run.context(task)) == json.loads(json.dumps(dump(CHECKPOINT)))


def test_no_checkpoint_yet(sensor: Any, world: Any, run: Any) -> None:
    world.checkpoints["ftjob-1"] = [CHECKPOINT]
    task = sensor(BedrockRftCheckpointAvailableSensor, step=21)
    assert not task.poke(run.context(task))


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_a_job_that_ended_without_the_checkpoint_fails_the_sensor(
    sensor: Any, world: Any, run: Any, status: str
) -> None:
    world.end("ftjob-1", status)
    task = sensor(BedrockRftCheckpointAvailableSensor, step=21)
    with pytest.raises(AirflowFailException, match="ftjob-1"):
        task.execute(run.context(task))


def test_a_deferred_checkpoint_sensor_is_woken_with_it(sensor: Any, run: Any) -> None:
    task = sensor(BedrockRftCheckpointAvailableSensor, step=20, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    assert deferred.value.trigger.checkpoint_step == 20
    out = task.execute_complete(run.context(task), event=dump(CHECKPOINT), **kwargs_of(deferred))
    assert out["model"] == "m20"


def test_an_event_about_a_checkpoint_does_not_complete_a_job(sensor: Any, run: Any) -> None:
    task = sensor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    with pytest.raises(InvalidPayload):
        task.execute_complete(run.context(task), event=dump(CHECKPOINT), **kwargs_of(deferred))


def test_a_step_that_is_no_number_is_one_sentence(sensor: Any, run: Any) -> None:
    task = sensor(BedrockRftCheckpointAvailableSensor, step="soon")
    with pytest.raises(AirflowFailException, match="step is 'soon'"):
        task.execute(run.context(task))


def beside(sensor: Any, **fields: Any) -> Any:
    return sensor(BedrockRftCheckpointAvailableSensor, **{"job": None, "job_from": "train", **fields})


@pytest.mark.parametrize(("seconds", "mode"), [(2, "poke"), (60, "reschedule")])
def test_beside_a_task_a_slot_is_given_back_for_a_minute_or_more(sensor: Any, seconds: float, mode: str) -> None:
    assert beside(sensor, poke_interval=seconds).mode == mode


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "running", "deferred", "up_for_retry"])
def test_beside_a_task_that_has_no_job_yet(sensor: Any, run: Any, state: str | None) -> None:
    run.ti.states = {} if state is None else {"train": state}
    assert not beside(sensor).poke(run.context(None))


@pytest.mark.parametrize("deferrable", [False, True])
def test_beside_a_task_without_a_job_the_slot_is_given_back(sensor: Any, run: Any, *, deferrable: bool) -> None:
    task = beside(sensor, deferrable=deferrable, poke_interval=60)
    with pytest.raises(AirflowRescheduleException):
        task.execute({**run.context(task), "task_reschedule_count": 0})


def test_beside_a_task_that_makes_the_job_meanwhile(sensor: Any, world: Any, run: Any) -> None:
    task = beside(sensor)
    assert not task.poke(run.context(task))
    run.ti.states = {"train": "deferred"}
    run.ti.pushed_by = {("train", "job_id"): "ftjob-1"}
    assert not task.poke(run.context(task))
    world.checkpoints["ftjob-1"] = [CHECKPOINT]
    assert task.poke(run.context(task)).xcom_value["model"] == "m20"


def test_beside_a_cleared_task_the_job_of_the_earlier_try_is_not_taken(sensor: Any, world: Any, run: Any) -> None:
    world.checkpoints["ftjob-1"] = [CHECKPOINT]
    run.ti.pushed_by = {("train", "job_id"): "ftjob-1"}
    run.ti.states = {"train": "queued"}
    assert not beside(sensor).poke(run.context(None))


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("state", ["failed", "skipped", "upstream_failed", "removed"])
def test_beside_a_task_that_ended_without_a_job(sensor: Any, run: Any, state: str, *, deferrable: bool) -> None:
    run.ti.states = {"train": state}
    task = beside(sensor, deferrable=deferrable)
    with pytest.raises(AirflowFailException, match=state):
        task.execute(run.context(task))


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_retry_beside_it_may_make_another_job(sensor: Any, world: Any, run: Any, status: str) -> None:
    world.end("ftjob-1", status)
    world.jobs.append(replace(JOB, job_id="ftjob-2", created_at=world.clock.now()))
    run.ti.states = {"train": "up_for_retry"}
    run.ti.pushed_by = {("train", "job_id"): "ftjob-1"}
    task = beside(sensor)
    assert not task.poke(run.context(task))
    run.ti.states = {"train": "deferred"}
    run.ti.pushed_by = {("train", "job_id"): "ftjob-2"}
    world.checkpoints["ftjob-2"] = [replace(CHECKPOINT, job_id="ftjob-2")]
    assert task.poke(run.context(task)).xcom_value["job_id"] == "ftjob-2"


def test_a_job_that_failed_with_its_task_fails_the_sensor_beside_it(sensor: Any, world: Any, run: Any) -> None:
    world.end("ftjob-1", "failed")
    run.ti.states = {"train": "failed"}
    run.ti.pushed_by = {("train", "job_id"): "ftjob-1"}
    with pytest.raises(AirflowFailException, match="ftjob-1"):
        beside(sensor).poke(run.context(None))


def test_a_deferred_sensor_beside_a_task_looks_again_after_a_lost_job(sensor: Any, run: Any) -> None:
    run.ti.states = {"train": "deferred"}
    run.ti.pushed_by = {("train", "job_id"): "ftjob-1"}
    task = beside(sensor, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    assert deferred.value.trigger.plan.job_id == "ftjob-1"
    event = dump(Ending(job_id="ftjob-1", reason=EndingKind.CANCELLED))
    with pytest.raises(AirflowRescheduleException):
        task.execute_complete(run.context(task), event=event, **kwargs_of(deferred))
    run.ti.states = {"train": "failed"}
    with pytest.raises(AirflowFailException):
        task.execute_complete(run.context(task), event=event, **kwargs_of(deferred))
