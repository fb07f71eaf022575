from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.errors import AccessDenied, ServiceUnavailable
from airflow_provider_bedrock_rft.plugin.cache import ERROR_SECONDS, Cache

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import FakeClock


class Counter:
    def __init__(self) -> None:
        self.befores: list[int | None] = []
        self.failure: Exception | None = None

    def __call__(self, before: int | None) -> int:
        self.befores.append(before)
        if self.failure:
            raise self.failure
        return len(self.befores)


def test_a_value_is_made_once_while_it_is_fresh_and_knows_the_one_before(clock: FakeClock) -> None:
    cache, make = Cache(clock), Counter()
    assert [cache.get("k", make, seconds=lambda _: 5.0) for _ in range(3)] == [1, 1, 1]
    clock.sleep(5.0)
    assert cache.get("k", make, seconds=lambda _: 5.0) == 2
    assert make.befores == [None, 1]


def test_a_failure_is_passed_on_for_a_while_and_the_value_before_it_survives(clock: FakeClock) -> None:
    cache, make = Cache(clock), Counter()
    cache.get("k", make, seconds=lambda _: 1.0)
    clock.sleep(2.0)
    make.failure = AccessDenied("no")
    for _ in range(3):
        with pytest.raises(AccessDenied):
            cache.get("k", make, seconds=lambda _: 1.0)
    assert len(make.befores) == 2
    make.failure = None
    clock.sleep(ERROR_SECONDS)
    assert cache.get("k", make, seconds=lambda _: 1.0) == 3
    assert make.befores == [None, 1, 1]


def test_many_who_ask_at_once_are_one_question(clock: FakeClock) -> None:
    cache, go, asked = Cache(clock), Event(), []

    def make(_before: object) -> int:
        asked.append(1)
        go.wait(20)
        return 7

    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(cache.get, "k", make) for _ in range(20)]
        go.set()
        assert {answer.result() for answer in answers} == {7}
    assert asked == [1]


def test_a_page_does_not_wait_for_ever_and_the_late_answer_is_kept(clock: FakeClock) -> None:
    cache, go, asked = Cache(clock, patience_seconds=0.05), Event(), []

    def make(_before: object) -> int:
        asked.append(1)
        go.wait(20)
        return 7

    with pytest.raises(ServiceUnavailable, match="no answer within"):
        cache.get("k", make)
    go.set()
    cache._patience_seconds = 20.0
    assert cache.get("k", make) == 7
    assert asked == [1]


def test_what_was_not_asked_for_longest_goes_first(clock: FakeClock) -> None:
    cache, make = Cache(clock, max_entries=2), Counter()
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, make)
    assert len(make.befores) == 4
