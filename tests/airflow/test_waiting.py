"""Waiting: inline and deferred mean the same, and nothing but a model is success."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    InvalidInput,
    InvalidPayload,
    JobCancellation,
    JobFailure,
    RftError,
    ServiceUnavailable,
    Throttled,
    UnknownStatus,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.deferral import WaitingTask, confirm
from airflow_provider_bedrock_rft.triggers.progress import Progress
from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger
from airflow_provider_bedrock_rft.triggers.watch import MAX_REFUSALS, Watch, read_arrival

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

START = 1_793_100_000.0
JOB = Job(job_id="ftjob-1", status="running", model="m", training_data="file-1", grader_arn="arn", created_at=START)
PLAN = WaitPlan(job_id="ftjob-1", created_at=START, deadline_at=START + 3600)


@pytest.fixture
def world(fakes: ModuleType) -> Any:
    world = fakes.World(clock=FakeClock(START))
    world.jobs.append(JOB)
    return world


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def watch(fakes: ModuleType, world: Any, said: list[str]) -> Callable[..., Watch]:
    def make(plan: WaitPlan = PLAN, *, step: int | None = None, connect: Any = None, reconnect: Any = None) -> Watch:
        return Watch(
            plan,
            connect=connect or (lambda: fakes.FakeTraining(world)),
            reconnect=reconnect or (lambda: None),
            clock=world.clock,
            random=Random(1),
            progress=Progress(said.append, said.append),
            checkpoint_step=step,
        )

    return make


def test_a_running_job_is_looked_at_again_after_a_pause(watch: Callable[..., Watch]) -> None:
    assert watch().look() == PLAN.min_poll_seconds


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("succeeded", EndingKind.SUCCEEDED),
        ("failed", EndingKind.FAILED),
        ("cancelled", EndingKind.CANCELLED),
        ("transmogrified", EndingKind.UNKNOWN_STATUS),
    ],
)
def test_each_status_has_its_ending(watch: Callable[..., Watch], world: Any, status: str, kind: EndingKind) -> None:
    world.end("ftjob-1", status)
    found = watch().look()
    assert isinstance(found, Ending)
    assert found.reason is kind


def test_a_deadline_in_the_past_ends_the_wait_without_success(watch: Callable[..., Watch], world: Any) -> None:
    world.clock.sleep(7200)
    found = watch().look()
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.TIMEOUT
    with pytest.raises(WaitTimeout, match="still running"):
        found.ensure_success()


def test_a_job_that_ended_before_a_late_look_counts(watch: Callable[..., Watch], world: Any) -> None:
    world.clock.sleep(7200)
    world.end("ftjob-1", "succeeded")
    found = watch().look()
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.SUCCEEDED


def test_transient_errors_are_ridden_out(watch: Callable[..., Watch], world: Any, said: list[str]) -> None:
    world.failures["get_job"] = [Throttled("Slow down."), ServiceUnavailable("503."), Throttled("Slow down.")]
    looks = watch()
    assert all(isinstance(looks.look(), float) for _ in range(4))
    assert any("does not affect the job" in line for line in said)


def test_transient_errors_do_not_outlast_the_deadline(watch: Callable[..., Watch], world: Any) -> None:
    world.clock.sleep(7200)
    world.failures["get_job"] = [Throttled("Slow down.")]
    found = watch().look()
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.TIMEOUT


def test_a_final_error_ends_the_wait(watch: Callable[..., Watch], world: Any) -> None:
    world.failures["get_job"] = [AccessDenied("May not.")]
    found = watch().look()
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.ERROR


def test_refused_credentials_are_read_anew_before_the_wait_gives_up(watch: Callable[..., Watch], world: Any) -> None:
    world.failures["get_job"] = [InvalidCredentials("Expired.")] * 2
    reconnected: list[int] = []
    looks = watch(reconnect=lambda: reconnected.append(1))
    assert all(isinstance(looks.look(), float) for _ in range(3))
    assert len(reconnected) == 2


def test_a_connection_that_finds_nobody_is_read_anew(watch: Callable[..., Watch], world: Any) -> None:
    world.failures["get_job"] = [ConnectionLost("Nobody there.")] * 11
    reconnected: list[int] = []
    looks = watch(reconnect=lambda: reconnected.append(1))
    assert all(isinstance(looks.look(), float) for _ in range(11))
    assert len(reconnected) == 2


def test_credentials_that_stay_wrong_end_the_wait(watch: Callable[..., Watch], world: Any) -> None:
    world.failures["get_job"] = [InvalidCredentials("Wrong key.")] * (MAX_REFUSALS + 1)
    looks = watch()
    found = [looks.look() for _ in range(MAX_REFUSALS + 1)][-1]
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.ERROR


def test_no_way_to_the_service_is_a_failed_look(watch: Callable[..., Watch]) -> None:
    def unreachable() -> Any:
        raise ServiceUnavailable("Airflow's API is restarting.")

    assert isinstance(watch(connect=unreachable).look(), float)


def test_events_that_cannot_be_read_do_not_end_the_wait(watch: Callable[..., Watch], world: Any) -> None:
    world.failures["list_events"] = [AccessDenied("No events for you.")]
    assert isinstance(watch().look(), float)


def test_events_are_said_once_and_oldest_first(watch: Callable[..., Watch], world: Any, said: list[str]) -> None:
    events = [
        JobEvent(event_id=f"e{step}", created_at=START + step, level="info", message="", step=step, total_steps=9)
        for step in (1, 2, 3)
    ]
    looks = watch()
    world.events["ftjob-1"] = [events[1], events[0]]
    looks.look()
    world.events["ftjob-1"] = [events[2], events[1], events[0], events[2]]
    looks.look()
    assert said == ["Job ftjob-1 is running.", "step 1/9", "step 2/9", "step 3/9"]


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(checkpoint_id=f"c{step}", job_id="ftjob-1", step=step, model=f"m{step}", created_at=START)


def test_a_checkpoint_wakes_while_the_job_goes_on(watch: Callable[..., Watch], world: Any) -> None:
    world.checkpoints["ftjob-1"] = [checkpoint(40), checkpoint(20)]
    assert watch(step=1).look() == checkpoint(20)
    assert watch(step=21).look() == checkpoint(40)
    assert isinstance(watch(step=41).look(), float)


def test_a_checkpoint_of_a_failed_job_still_counts(watch: Callable[..., Watch], world: Any) -> None:
    world.checkpoints["ftjob-1"] = [checkpoint(20)]
    world.end("ftjob-1", "failed")
    assert watch(step=20).look() == checkpoint(20)


@pytest.mark.parametrize(
    "event", [None, {}, {"kind": "rft.ending"}, {"kind": "other", "version": 1}, {"status": "success"}, "done", 1]
)
def test_an_event_that_is_not_ours_is_no_success(event: object) -> None:
    with pytest.raises(InvalidPayload):
        read_arrival(event)


def test_an_event_of_a_newer_version_is_refused_by_name() -> None:
    event = {**dump(Ending(job_id="ftjob-1", reason=EndingKind.SUCCEEDED)), "version": 99}
    with pytest.raises(InvalidPayload, match="version 99"):
        read_arrival(event)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (EndingKind.FAILED, JobFailure),
        (EndingKind.CANCELLED, JobCancellation),
        (EndingKind.TIMEOUT, WaitTimeout),
        (EndingKind.UNKNOWN_STATUS, UnknownStatus),
    ],
)
def test_only_success_is_success(fakes: ModuleType, world: Any, kind: EndingKind, error: type[RftError]) -> None:
    with pytest.raises(error):
        confirm(Ending(job_id="ftjob-1", reason=kind), fakes.FakeTraining(world))


def test_an_event_that_claims_success_is_confirmed_by_the_service(fakes: ModuleType, world: Any) -> None:
    world.end("ftjob-1", "failed", error_message="Out of memory.")
    with pytest.raises(JobFailure, match="Out of memory"):
        confirm(Ending(job_id="ftjob-1", reason=EndingKind.SUCCEEDED), fakes.FakeTraining(world))


class Waiter(WaitingTask):
    """The least that waits."""

    def __init__(self, hook: Any, clock: FakeClock, *, deferrable: bool) -> None:
        self.hook = hook
        self.clock = clock
        self.deferrable = deferrable
        self.aws_conn_id = "aws_default"
        self.region_name = None
        self.on_cancel = "stop"

    @property
    def log(self) -> Any:
        import logging

        return logging.getLogger("waiter")


def test_inline_waits_until_the_end(fakes: ModuleType, world: Any, fake_hook: Any) -> None:
    world.turn = lambda _: world.end("ftjob-1", "succeeded") if world.clock.now() > START + 100 else None
    found = Waiter(fake_hook(training=fakes.FakeTraining(world)), world.clock, deferrable=False).wait(PLAN)
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.SUCCEEDED
    assert START + 100 < world.clock.now() < START + 200


def test_a_deferrable_wait_hands_the_plan_over_and_the_worker_lets_go(
    fakes: ModuleType, world: Any, fake_hook: Any
) -> None:
    waiter = Waiter(fake_hook(training=fakes.FakeTraining(world)), world.clock, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        waiter.wait(PLAN)
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.timeout is None  # the trigger owns the deadline: Airflow's timeout would orphan the job
    assert deferred.value.kwargs == {"plan": dump(PLAN)}
    assert waiter.on_cancel == "leave"
    assert isinstance(deferred.value.trigger, BedrockRftWaitTrigger)
    assert deferred.value.trigger.on_cancel == "stop"


def test_a_deferrable_wait_for_a_job_that_has_ended_does_not_defer(
    fakes: ModuleType, world: Any, fake_hook: Any
) -> None:
    world.end("ftjob-1", "succeeded")
    waiter = Waiter(fake_hook(training=fakes.FakeTraining(world)), world.clock, deferrable=True)
    assert isinstance(waiter.wait(PLAN), Ending)


def recreated(trigger: BedrockRftWaitTrigger) -> BedrockRftWaitTrigger:
    path, kwargs = trigger.serialize()
    assert path == "airflow_provider_bedrock_rft.triggers.waiting.BedrockRftWaitTrigger"
    return BedrockRftWaitTrigger(**json.loads(json.dumps(kwargs)))


class RiggedTrigger(BedrockRftWaitTrigger):
    """The trigger with a control plane of the test's."""

    control_plane: Any = None

    def training(self) -> Any:
        return self.control_plane


@pytest.fixture
def trigger(fakes: ModuleType, world: Any) -> Callable[..., RiggedTrigger]:
    def make(**kwargs: Any) -> RiggedTrigger:
        plan = replace(PLAN, min_poll_seconds=0.01, max_poll_seconds=0.01, deadline_at=4e9)
        made = RiggedTrigger(**{"plan": dump(plan), **kwargs})
        made.control_plane = fakes.FakeTraining(world)
        return made

    return make


def test_the_trigger_survives_serialisation() -> None:
    trigger = BedrockRftWaitTrigger(
        plan=dump(PLAN), aws_conn_id=None, region_name="us-west-2", on_cancel="stop", checkpoint_step=3
    )
    again = recreated(trigger)
    assert again.serialize() == trigger.serialize()
    assert again.plan.deadline_at == START + 3600  # absolute: a restart of the triggerer does not grant more time


def test_the_trigger_understands_a_plan_with_fields_of_a_newer_release() -> None:
    assert BedrockRftWaitTrigger(plan={**dump(PLAN), "invented_later": 1}).plan == PLAN


async def test_the_trigger_fires_once_when_the_job_ends(trigger: Callable[..., RiggedTrigger], world: Any) -> None:
    world.end("ftjob-1", "succeeded")
    events = [event async for event in trigger().run()]
    assert len(events) == 1
    found = read_arrival(json.loads(json.dumps(events[0].payload)))
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.SUCCEEDED


async def test_a_new_triggerer_goes_on_where_the_old_one_died(
    trigger: Callable[..., RiggedTrigger], world: Any
) -> None:
    running = trigger()
    first = asyncio.ensure_future(anext(running.run()))
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await running.cleanup()
    assert "cancel_job" not in world.log  # a restart, a rolling deploy: never the job's end
    world.end("ftjob-1", "succeeded")
    _, kwargs = running.serialize()
    event = await anext(trigger(**kwargs).run())
    assert event.payload["kind"] == "rft.ending"


@pytest.mark.parametrize(("on_cancel", "stopped"), [("stop", 1), ("leave", 0)])
async def test_on_kill_honours_on_cancel(
    trigger: Callable[..., RiggedTrigger], world: Any, on_cancel: str, stopped: int
) -> None:
    await trigger(on_cancel=on_cancel).on_kill()
    assert world.log.count("cancel_job") == stopped


async def test_the_trigger_does_not_block_the_loop(trigger: Callable[..., RiggedTrigger], world: Any) -> None:
    import threading

    seen: list[str] = []
    world.turn = lambda _: seen.append(threading.current_thread().name)
    world.end("ftjob-1", "succeeded")
    await anext(trigger().run())
    assert seen
    assert threading.main_thread().name not in seen


async def test_a_connection_that_airflow_cannot_give_now_is_waited_for() -> None:
    trigger = BedrockRftWaitTrigger(plan=dump(PLAN), aws_conn_id="no_such_connection")
    with pytest.raises(InvalidInput, match="no_such_connection"):
        await asyncio.to_thread(trigger.training)
