from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_bedrock_rft.core.job.ending import EndingKind
from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
from airflow_provider_bedrock_rft.core.steps.waiting import Look, wait_for_job

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec


@pytest.fixture
def world(fakes: ModuleType, spec: JobSpec) -> Any:
    world = fakes.World()
    fakes.FakeTraining(world).create_job(spec, token="t")
    return world


def wait(
    fakes: ModuleType, world: Any, *, hours: float = 24.0, after: float = 5000.0, status: str = "succeeded"
) -> Any:
    looks: list[Look] = []
    created = world.clock.now()
    plan = WaitPlan(job_id="ftjob-1", created_at=created, deadline_at=created + hours * 3600)

    def on_look(look: Look) -> None:
        looks.append(look)
        if world.clock.now() - created >= after:
            world.end("ftjob-1", status)

    ending = wait_for_job(fakes.FakeTraining(world), plan, clock=world.clock, random=Random(1), on_look=on_look)
    return ending, looks, world.clock.now() - created


def test_a_wait_ends_with_the_job_and_notices_it_soon(fakes: ModuleType, world: Any) -> None:
    ending, looks, took = wait(fakes, world, after=5000.0)
    assert ending.reason is EndingKind.SUCCEEDED
    assert ending.tuned_model == "tuned:ftjob-1"
    assert 5000 <= took <= 5000 * 1.02 + 120
    assert len(looks) < 200


def test_a_day_of_waiting_costs_few_calls(fakes: ModuleType, world: Any) -> None:
    ending, looks, _ = wait(fakes, world, after=9e9)
    assert ending.reason is EndingKind.TIMEOUT
    assert "still running" in ending.message
    assert len(looks) < 24 * 35


def test_a_timeout_leaves_the_job_alone(fakes: ModuleType, world: Any) -> None:
    wait(fakes, world, hours=1.0, after=9e9)
    assert world.jobs[0].status == "queued"
    assert "cancel_job" not in world.log


def test_storms_are_ridden_out(fakes: ModuleType, world: Any) -> None:
    world.failures["get_job"] = [Throttled("t"), ServiceUnavailable("s"), ConnectionLost("c")] * 7
    ending, looks, _ = wait(fakes, world, after=0.0)
    assert ending.reason is EndingKind.SUCCEEDED
    assert [look.n_failures for look in looks[:22]] == [*range(1, 22), 0]
    pauses = [look.pause_seconds for look in looks[:21]]
    assert pauses[0] < 3
    assert all(50 < pause <= 120 for pause in pauses[10:])


def test_a_storm_that_lasts_ends_at_the_deadline(fakes: ModuleType, world: Any) -> None:
    world.failures["get_job"] = [Throttled("t") for _ in range(10_000)]
    ending, _, took = wait(fakes, world, hours=2.0)
    assert ending.reason is EndingKind.TIMEOUT
    assert took == pytest.approx(7200)


@pytest.mark.parametrize("error", [AccessDenied("no", action="Ask."), InvalidCredentials("expired")])
def test_what_waiting_does_not_mend_ends_it(fakes: ModuleType, world: Any, error: Exception) -> None:
    world.failures["get_job"] = [error]
    ending, looks, _ = wait(fakes, world)
    assert (ending.reason, ending.message) == (EndingKind.ERROR, error.message)  # type: ignore[attr-defined]
    assert len(looks) == 1


def test_a_word_nobody_knows_is_news(fakes: ModuleType, world: Any) -> None:
    ending, _, _ = wait(fakes, world, after=0.0, status="paused")
    assert ending.reason is EndingKind.UNKNOWN_STATUS
    assert "'paused'" in ending.message


@pytest.mark.parametrize(("status", "kind"), [("failed", EndingKind.FAILED), ("cancelled", EndingKind.CANCELLED)])
def test_other_ends(fakes: ModuleType, world: Any, status: str, kind: EndingKind) -> None:
    assert wait(fakes, world, after=100.0, status=status)[0].reason is kind
