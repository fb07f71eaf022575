"""Many waits share one poller: few calls, no conclusion without a retrieve, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    RftError,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_bedrock_rft.core.job.alarm import Budget
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.oversight import Oversight
from airflow_provider_bedrock_rft.core.job.rota import LOOKS_PER_ROUND, Wait, is_news, plan_round
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.core.ports import Capabilities
from airflow_provider_bedrock_rft.hooks.shared import CLOCK
from airflow_provider_bedrock_rft.triggers.poller import SharedPoller
from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger
from airflow_provider_bedrock_rft.triggers.watch import read_arrival

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 100
CREATED = 1_793_100_000.0


@dataclass
class Plane:
    """A control plane whose listing may say something else than its jobs."""

    n_jobs: int
    status: str = "running"
    listed: str | None = None
    calls: Counter[str] = field(default_factory=Counter)
    errors: dict[str, list[RftError]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            plane="fake",
            has_events=True,
            has_checkpoints=True,
            has_idempotency_token=False,
            has_job_names=False,
            needs_deployment=False,
            stores_files=True,
        )

    def get_job(self, job_id: str) -> Job:
        self._call("get_job")
        return self._job(job_id, self._status(job_id))

    def list_jobs(self, *, created_after: float) -> Iterator[Job]:
        assert created_after < CREATED
        for number in reversed(range(self.n_jobs)):
            if number % PAGE == PAGE - 1 or number == self.n_jobs - 1:
                self._call("list_jobs")
            job_id = f"ftjob-{number}"
            if job_id not in self.unlisted:
                yield self._job(job_id, self.listed or self._status(job_id))

    def list_events(self, _job_id: str) -> Iterator[Any]:
        self._call("list_events")
        return iter(())

    def list_checkpoints(self, _job_id: str) -> Iterator[Any]:
        self._call("list_checkpoints")
        return iter(())

    def cancel_job(self, job_id: str) -> None:
        self._call("cancel_job")
        self.ended.add(job_id)

    def _status(self, job_id: str) -> str:
        return "succeeded" if job_id in self.ended else self.status

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    @staticmethod
    def _job(job_id: str, status: str) -> Job:
        tuned = "m" if status == "succeeded" else ""
        return Job(
            job_id=job_id,
            status=status,
            model="m",
            training_data="f",
            grader_arn="a",
            created_at=CREATED,
            tuned_model=tuned,
        )


class RiggedTrigger(BedrockRftWaitTrigger):
    """The trigger before a control plane of the test's."""

    plane: Any = None

    def training(self) -> Any:
        return self.plane


def plan(number: int, seconds: float = 0.05) -> WaitPlan:
    return WaitPlan(
        job_id=f"ftjob-{number}",
        created_at=CREATED,
        deadline_at=4e9,
        min_poll_seconds=seconds,
        max_poll_seconds=seconds,
    )


async def wait(plane: Plane, wanted: WaitPlan, **fields: Any) -> Any:
    trigger = RiggedTrigger(plan=dump(wanted), **fields)
    trigger.plane = plane
    event = await anext(trigger.run())
    return read_arrival(event.payload)


def waits(plane: Plane, seconds: float = 0.05) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(wait(plane, plan(number, seconds))) for number in range(plane.n_jobs)]


def everything(plane: Plane) -> set[str]:
    return {f"ftjob-{number}" for number in range(plane.n_jobs)}


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_round_of_a_thousand_waits_costs_twenty_calls() -> None:
    plane = Plane(1000)
    tasks = waits(plane, 0.5)
    await until(lambda: plane.calls["list_jobs"] >= 30)
    n_rounds = plane.calls["list_jobs"] / 10
    calls = sum(plane.calls.values())
    assert calls <= 20 * (n_rounds + 1)
    plane.ended = everything(plane)
    found = await asyncio.gather(*tasks)
    assert {ending.reason for ending in found} == {EndingKind.SUCCEEDED}
    assert plane.calls["get_job"] >= 1000  # each end was confirmed


async def test_ten_thousand_waits_are_held_and_each_is_told() -> None:
    plane = Plane(10_000)
    tasks = waits(plane, 2.0)
    await until(lambda: plane.calls["list_jobs"] >= 100)
    assert plane.calls["get_job"] <= 3 * LOOKS_PER_ROUND
    plane.ended = {f"ftjob-{number}" for number in range(0, 10_000, 100)}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await until(lambda: sum(task.done() for task in tasks) == 100)
    assert {task.result().job_id for task in done} <= plane.ended
    await stop(tasks)


async def test_few_waits_are_never_listed() -> None:
    plane = Plane(LOOKS_PER_ROUND)
    tasks = waits(plane)
    await until(lambda: plane.calls["get_job"] > 20)
    assert not plane.calls["list_jobs"]
    await stop(tasks)


async def test_a_stale_listing_only_delays() -> None:
    plane = Plane(30, listed="running")
    plane.ended = everything(plane)
    found = await asyncio.gather(*waits(plane))
    assert len(found) == 30


async def test_a_job_that_is_never_listed_is_not_forgotten() -> None:
    plane = Plane(30)
    plane.unlisted = plane.ended = {"ftjob-3", "ftjob-29"}
    tasks = waits(plane)
    await asyncio.gather(tasks[3], tasks[29])
    assert sum(task.done() for task in tasks) == 2
    await stop(tasks)


@pytest.mark.parametrize("listed", ["succeeded", "failed", "transmogrified"])
async def test_a_listing_alone_concludes_nothing(listed: str) -> None:
    plane = Plane(20, listed=listed)
    tasks = waits(plane)
    await until(lambda: plane.calls["list_jobs"] > 3)
    assert not any(task.done() for task in tasks)
    await stop(tasks)


async def test_an_unknown_status_ends_the_wait_by_its_name() -> None:
    plane = Plane(20, status="transmogrified")
    found = await asyncio.gather(*waits(plane))
    assert {ending.reason for ending in found} == {EndingKind.UNKNOWN_STATUS}


async def test_transient_errors_of_list_and_retrieve_are_ridden_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_bedrock_rft.core.clock import Backoff
    from airflow_provider_bedrock_rft.core.job import waiting
    from airflow_provider_bedrock_rft.triggers import poller

    quick = Backoff(first_seconds=0.02, max_seconds=0.05)
    monkeypatch.setattr(waiting, "_BACKOFF", quick)
    monkeypatch.setattr(poller, "_BACKOFF", quick)
    plane = Plane(30)
    plane.errors = {
        "list_jobs": [Throttled("Slow down."), ServiceUnavailable("503."), ConnectionLost("No reply.")],
        "get_job": [Throttled("Slow down.")] * 8,
    }
    tasks = waits(plane)
    await until(lambda: not any(plane.errors.values()))
    plane.ended = everything(plane)
    assert len(await asyncio.gather(*tasks)) == 30


async def test_where_jobs_may_not_be_listed_everybody_looks_for_itself() -> None:
    plane = Plane(30)
    plane.errors = {"list_jobs": [AccessDenied("May not list.")] * 1000}
    tasks = waits(plane)
    await until(lambda: plane.calls["get_job"] > 60)
    plane.ended = everything(plane)
    assert len(await asyncio.gather(*tasks)) == 30


async def test_a_late_wait_is_served() -> None:
    plane = Plane(40)
    tasks = waits(plane)[:39]
    await until(lambda: plane.calls["list_jobs"] > 2)
    plane.ended = {"ftjob-39"}
    assert (await wait(plane, plan(39))).job_id == "ftjob-39"
    assert not any(task.done() for task in tasks)
    await stop(tasks)


async def test_a_deadline_is_kept_although_others_are_many() -> None:
    plane = Plane(60)
    tasks = waits(plane)
    short = replace(plan(7), deadline_at=CLOCK.now() + 0.3)
    found = await wait(plane, short)
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.TIMEOUT
    await stop(tasks)


async def test_a_budget_is_kept_although_others_are_many() -> None:
    plane = Plane(60)
    tasks = waits(plane)
    hours = (CLOCK.now() - CREATED + 0.3) / 3600
    found = await wait(plane, replace(plan(7), oversight=Oversight(budget=Budget(max_hours=hours))))
    assert isinstance(found, Ending)
    assert found.reason is EndingKind.BUDGET
    assert plane.calls["cancel_job"] == 1
    await stop(tasks)


async def test_waiting_for_a_checkpoint_looks_every_time() -> None:
    plane = Plane(30)
    tasks = waits(plane)
    task = asyncio.create_task(wait(plane, plan(3), checkpoint_step=1))
    await until(lambda: plane.calls["list_checkpoints"] > 5)
    assert not task.done()
    await stop([*tasks, task])


def test_a_restarted_triggerer_goes_on() -> None:
    plane = Plane(100)

    async def die() -> None:
        tasks = waits(plane)
        await until(lambda: plane.calls["list_jobs"] > 1)
        await stop(tasks)

    async def go_on() -> int:
        tasks = waits(plane)
        await asyncio.sleep(0.1)
        plane.ended = everything(plane)
        return len(await asyncio.gather(*tasks))

    asyncio.run(die())
    assert asyncio.run(go_on()) == 100


async def test_connections_and_planes_do_not_share() -> None:
    planes = [Plane(20), Plane(20)]
    tasks = [
        asyncio.create_task(wait(plane, plan(number), aws_conn_id=name))
        for plane, name in zip(planes, ("a", "b"), strict=True)
        for number in range(20)
    ]
    await until(lambda: all(plane.calls["list_jobs"] > 1 for plane in planes))
    planes[0].ended = everything(planes[0])
    await asyncio.gather(*tasks[:20])
    assert not any(task.done() for task in tasks[20:])
    await stop(tasks)


async def test_an_error_in_the_poller_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    plane = Plane(20)
    plane.errors = {"list_jobs": [ValueError("A bug.")]}  # type: ignore[list-item]
    tasks = waits(plane)
    await until(lambda: plane.calls["get_job"] > 60)
    assert "goes on by itself" in caplog.text
    plane.ended = everything(plane)
    assert len(await asyncio.gather(*tasks)) == 20


async def test_the_poller_ends_with_the_last_wait() -> None:
    plane = Plane(10)
    poller = SharedPoller(lambda: plane, clock=CLOCK, random=Any)  # type: ignore[arg-type, return-value]
    for _ in range(2):
        with poller.seat(plan(1)) as seat:
            await seat.turn(0.0)
            waiting = asyncio.create_task(seat.turn(9.0))
            await asyncio.sleep(0.02)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        names = {task.get_name() for task in asyncio.all_tasks()}
        await until(lambda: poller._task is None)
        assert names


def seats(n: int, **fields: Any) -> list[Wait]:
    return [Wait(plan=plan(number, 10.0), due_at=100.0, **fields) for number in range(n)]


def test_everybody_gets_a_look_in_turn() -> None:
    everybody = seats(23)
    looked: Counter[str] = Counter()
    for number in range(10):
        found = plan_round(everybody, 100.0)
        assert len(found.looks) == LOOKS_PER_ROUND
        for wait in found.looks:
            looked[wait.plan.job_id] += 1
            wait.looked_at = float(number + 1)
    assert len(looked) == 23
    assert max(looked.values()) - min(looked.values()) <= 1


def test_waits_that_are_nearly_due_share_the_round() -> None:
    (wait,) = seats(1, pause_seconds=10.0)
    assert plan_round([wait], 97.6).looks == (wait,)
    assert plan_round([wait], 97.0).looks == ()


def test_a_pause_does_not_jump_over_the_deadline() -> None:
    wait = Wait(plan=replace(plan(1), deadline_at=105.0), due_at=0.0)
    wait.postpone(100.0, 60.0)
    assert wait.due_at == 105.0
    wait.postpone(106.0, 60.0)
    assert wait.due_at == 166.0


@pytest.mark.parametrize(
    ("status", "expected"), [("running", False), ("Stopping", False), ("succeeded", True), ("new word", True)]
)
def test_news(status: str, *, expected: bool) -> None:
    assert is_news(status) is expected
