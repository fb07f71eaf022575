from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.job.job import JobEvent
from airflow_provider_bedrock_rft.core.steps.watching import read_new_events

if TYPE_CHECKING:
    from types import ModuleType


def event(number: int) -> JobEvent:
    return JobEvent(event_id=f"e{number}", created_at=float(number), level="info", message="")


def test_only_new_events_come_oldest_first_each_once(fakes: ModuleType) -> None:
    world = fakes.World()
    world.events["j"] = [event(n) for n in range(6)] + [event(5)]
    new = read_new_events(fakes.FakeTraining(world), "j", {"e0", "e1", "e3"})
    assert [one.event_id for one in new] == ["e2", "e4", "e5"]


def test_old_pages_are_not_read_again(fakes: ModuleType) -> None:
    world = fakes.World()
    world.events["j"] = [event(n) for n in range(1000)]
    read: list[str] = []

    class Known(set[str]):
        def __contains__(self, item: object) -> bool:
            read.append(str(item))
            return super().__contains__(item)

    known = Known(f"e{n}" for n in range(990))
    assert len(read_new_events(fakes.FakeTraining(world), "j", known, patience=50)) == 10
    assert len(read) == 60
