from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock


class Hands:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_it_runs_as_fast_as_it_is_told() -> None:
    hands = Hands()
    clock = EmulatorClock(60, wall=lambda: 1000.0, monotonic=hands)
    hands.at = 2
    assert clock.now() == 1120


def test_it_starts_no_earlier_than_it_stopped() -> None:
    assert EmulatorClock(not_before=5000, wall=lambda: 1000.0, monotonic=Hands()).now() == 5000


@pytest.mark.parametrize("speed", [0, -1])
def test_it_must_move_on(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        EmulatorClock(speed)


def test_it_cannot_be_turned_back() -> None:
    with pytest.raises(ValueError, match="turned back"):
        EmulatorClock().advance(-1)


async def test_advancing_wakes_those_whose_time_has_come_and_no_others() -> None:
    clock = EmulatorClock()
    short = asyncio.ensure_future(clock.sleep(100))
    long = asyncio.ensure_future(clock.sleep(10_000))
    await asyncio.sleep(0)
    clock.advance(101)
    await short
    await asyncio.sleep(0)
    assert not long.done()
    long.cancel()


async def test_sleeping_for_no_time_returns_at_once() -> None:
    clock = EmulatorClock(monotonic=lambda: 0.0)
    before = clock.now()
    await clock.sleep(0)
    await clock.sleep(-5)
    assert clock.now() == before
