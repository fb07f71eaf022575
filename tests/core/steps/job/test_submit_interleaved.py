"""Several workers at once, their calls interleaved in any order: tasks that are alike, and a task's own zombie."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import submit_job

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec

_EXAMPLES = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Conductor:
    """Lets one worker make one call at a time, in the order of ``schedule`` (worker numbers, then round robin)."""

    schedule: list[int]
    n_workers: int
    done: set[int] = field(default_factory=set)
    waiting: dict[int, threading.Event] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def turn(self, call: str) -> None:
        """Called in a worker's thread before each of its calls."""
        me = int(threading.current_thread().name)
        go = threading.Event()
        with self.changed:
            self.waiting[me] = go
            self.calls[me] = call
            self.changed.notify_all()
        go.wait()

    def finish(self, me: int) -> None:
        with self.changed:
            self.done.add(me)
            self.changed.notify_all()

    def conduct(self) -> None:
        picks = iter(self.schedule)
        number = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: len(self.waiting) + len(self.done) == self.n_workers)
                if not self.waiting:
                    return
                wish = next(picks, number)
                number += 1
                ready = self._ready()
                self.waiting.pop(ready[wish % len(ready)]).set()

    def _ready(self) -> list[int]:
        """Time does not pass while a request is on its way: that is what its timeout is for."""
        on_the_wire = any(self.calls[worker] == "create_job" for worker in self.waiting)
        return sorted(worker for worker in self.waiting if not (on_the_wire and self.calls[worker] == "sleep"))


@dataclass
class SharedClock:
    """The world's clock, on which sleeping is a call like any other."""

    world: Any

    def now(self) -> float:
        return self.world.clock.now()

    def sleep(self, seconds: float) -> None:
        self.world.turn("sleep")
        self.world.clock.sleep(seconds)


def run_at_once(fakes: ModuleType, world: Any, spec: JobSpec, keys: list[str], schedule: list[int]) -> list[str]:
    conductor = Conductor(schedule, len(keys))
    world.turn = conductor.turn
    got: dict[int, str] = {}

    def work(number: int) -> None:
        try:
            training, intents = fakes.FakeTraining(world), fakes.FakeIntents(world)
            submission = submit_job(
                training,
                intents,
                key=keys[number],
                spec=spec,
                clock=SharedClock(world),
                policy=SubmissionPolicy(max_sends=9),
            )
            got[number] = submission.job_id
        finally:
            conductor.finish(number)

    threads = [threading.Thread(target=work, args=(n,), name=str(n), daemon=True) for n in range(len(keys))]
    for thread in threads:
        thread.start()
    conductor.conduct()
    for thread in threads:
        thread.join()
    world.turn = lambda _: None
    return [got[number] for number in range(len(keys))]


@_EXAMPLES
@given(schedule=st.lists(st.integers(0, 1), max_size=60), lag=st.sampled_from([0.0, 20.0]))
def test_a_task_and_its_zombie_share_one_job(fakes: ModuleType, spec: JobSpec, schedule: list[int], lag: float) -> None:
    """A worker that was thought dead goes on while its successor runs, and may sleep through all of its search."""
    world = fakes.World(list_lag_seconds=lag)
    got = run_at_once(fakes, world, spec, ["dag/run/train", "dag/run/train"], schedule)
    assert set(got) == {job.job_id for job in world.jobs}
    assert len(world.jobs) == 1


@_EXAMPLES
@given(
    schedule=st.lists(st.integers(0, 2), max_size=80),
    lost=st.integers(0, 2),
    refused=st.integers(0, 2),
)
def test_tasks_that_are_alike_get_a_job_each(
    fakes: ModuleType, spec: JobSpec, schedule: list[int], lost: int, refused: int
) -> None:
    from airflow_provider_bedrock_rft.core.errors import ServiceUnavailable

    world = fakes.World(list_lag_seconds=10.0, lose_replies_to=["create_job"] * lost)
    world.failures["create_job"] = [ServiceUnavailable("busy") for _ in range(refused)]
    got = run_at_once(fakes, world, spec, ["dag/run/a", "dag/run/b", "dag/run/c"], schedule)
    assert len(set(got)) == 3
    assert sorted(got) == sorted(job.job_id for job in world.jobs)


@_EXAMPLES
@given(schedule=st.lists(st.integers(0, 2), max_size=80), lag=st.sampled_from([0.0, 20.0]), lost=st.integers(0, 1))
def test_a_zombie_between_twins(fakes: ModuleType, spec: JobSpec, schedule: list[int], lag: float, lost: int) -> None:
    """A task, its zombie, and a task that is alike: what one of the first two finds, the other must not add to."""
    world = fakes.World(list_lag_seconds=lag, lose_replies_to=["create_job"] * lost)
    first, zombie, twin = run_at_once(fakes, world, spec, ["dag/run/a", "dag/run/a", "dag/run/b"], schedule)
    assert first == zombie
    assert {first, twin} == {job.job_id for job in world.jobs}
    assert len(world.jobs) == 2


@pytest.mark.parametrize("n_workers", [2, 4])
def test_a_crowd_in_round_robin(fakes: ModuleType, spec: JobSpec, n_workers: int) -> None:
    world = fakes.World()
    got = run_at_once(fakes, world, spec, ["dag/run/train"] * n_workers, [])
    assert len(set(got)) == len(world.jobs) == 1
