"""A worker may die at every call of a submission, any number of times: one job per intent."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.core.job.submission import SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import submit_job

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.job.submission import Submission

N_CALLS = 14
"""More calls than a submission makes; kills beyond its end do nothing."""

_SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def submit(fakes: ModuleType, world: Any, spec: JobSpec, *, key: str = "dag/run/train/0", **options: Any) -> Submission:
    plane = {name: options.pop(name) for name in ("native", "returns_tokens") if name in options}
    return submit_job(
        fakes.FakeTraining(world, **plane),
        fakes.FakeIntents(world),
        key=key,
        spec=spec,
        clock=world.clock,
        policy=SubmissionPolicy(**options),
    )


def try_to_submit(fakes: ModuleType, world: Any, spec: JobSpec, **options: Any) -> Submission | None:
    try:
        return submit(fakes, world, spec, **options)
    except fakes.WorkerKilled:
        return None


@pytest.mark.parametrize("native", [False, True], ids=["mantle", "native"])
@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
@pytest.mark.parametrize("at", range(1, N_CALLS))
@pytest.mark.parametrize("pause", [0.0, 20.0, 3600.0])
def test_one_kill(fakes: ModuleType, spec: JobSpec, *, native: bool, moment: str, at: int, pause: float) -> None:
    world = fakes.World(list_lag_seconds=40.0)
    world.new_worker(**{moment: at})
    try_to_submit(fakes, world, spec, native=native)
    world.clock.sleep(pause)
    world.new_worker()
    submission = submit(fakes, world, spec, native=native)
    assert [job.job_id for job in world.jobs] == [submission.job_id]


@pytest.mark.parametrize("native", [False, True], ids=["mantle", "native"])
def test_two_kills_anywhere(fakes: ModuleType, spec: JobSpec, *, native: bool) -> None:
    points = [{moment: at} for moment, at in product(("kill_before", "kill_after"), range(1, N_CALLS))]
    for first, second in product(points, points):
        world = fakes.World(list_lag_seconds=25.0)
        for kill in (first, second, {}):
            world.new_worker(**kill)
            submission = try_to_submit(fakes, world, spec, native=native)
            world.clock.sleep(7.0)
        assert submission
        assert [job.job_id for job in world.jobs] == [submission.job_id], (first, second)


@pytest.mark.parametrize("at", range(1, N_CALLS))
@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
def test_a_lost_reply_and_then_a_kill(fakes: ModuleType, spec: JobSpec, at: int, moment: str) -> None:
    world = fakes.World(list_lag_seconds=10.0, lose_replies_to=["create_job"])
    world.new_worker(**{moment: at})
    try_to_submit(fakes, world, spec)
    world.new_worker()
    submission = submit(fakes, world, spec)
    assert [job.job_id for job in world.jobs] == [submission.job_id]


@pytest.mark.parametrize("offset", [-290.0, 0.0, 290.0, 86400.0])
def test_the_services_clock_may_be_wrong(fakes: ModuleType, spec: JobSpec, offset: float) -> None:
    world = fakes.World(service_clock_offset=offset, lose_replies_to=["create_job"])
    assert submit(fakes, world, spec).adopted
    assert len(world.jobs) == 1


@_SLOW
@given(kills=st.lists(st.tuples(st.booleans(), st.integers(1, 25), st.floats(0, 90)), max_size=8), native=st.booleans())
def test_any_number_of_kills_while_jobs_fail(
    fakes: ModuleType, spec: JobSpec, *, kills: list[tuple[bool, int, float]], native: bool
) -> None:
    """The first job fails: exactly one other is made, however often the worker dies on the way."""
    world = fakes.World(list_lag_seconds=15.0)
    first = submit(fakes, world, spec, native=native)
    world.end(first.job_id, "failed", error_message="line 3 is no JSON")
    for before, at, pause in kills:
        world.new_worker(**{"kill_before" if before else "kill_after": at})
        try_to_submit(fakes, world, spec, native=native)
        world.clock.sleep(pause)
    world.new_worker()
    second = submit(fakes, world, spec, native=native)
    assert [job.job_id for job in world.jobs] == [first.job_id, second.job_id]
    assert second.attempt == 2
    world.end(second.job_id, "failed", error_message="line 3 is no JSON")
    with pytest.raises(JobFailure, match="line 3 is no JSON"):
        submit(fakes, world, spec, native=native)


@_SLOW
@given(
    kills=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(1, 12), st.floats(0, 40)), max_size=8
    ),
    tokens=st.booleans(),
)
def test_twins_get_a_job_each(
    fakes: ModuleType, spec: JobSpec, *, kills: list[tuple[str, bool, int, float]], tokens: bool
) -> None:
    """Two tasks want the same content at the same time and die again and again: two jobs, one each."""
    world = fakes.World(list_lag_seconds=12.0)
    for who, before, at, pause in kills:
        world.new_worker(**{"kill_before" if before else "kill_after": at})
        try_to_submit(fakes, world, spec, key=f"dag/run/{who}", returns_tokens=tokens)
        world.clock.sleep(pause)
    world.new_worker()
    got = [submit(fakes, world, spec, key=f"dag/run/{who}", returns_tokens=tokens).job_id for who in "ab"]
    assert len(set(got)) == 2
    assert sorted(job.job_id for job in world.jobs) == sorted(got)
