"""The controller against a simulated service, and the asker that drives it."""

from __future__ import annotations

import heapq
import threading

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import RequestRejected, ServiceUnavailable, Throttled
from airflow_provider_bedrock_rft.core.evaluation.asking import Asker
from airflow_provider_bedrock_rft.core.evaluation.concurrency import AdaptiveLimit
from airflow_provider_bedrock_rft.core.evaluation.journal import Journal


def simulate(n: int, *, capacity: int, latency: float, maximum: int = 256) -> tuple[float, int]:
    """Seconds and refusals for ``n`` requests against a service that refuses above ``capacity`` under way."""
    limit, now, done, serving = AdaptiveLimit(maximum=maximum), 0.0, 0, 0
    ends: list[tuple[float, int, bool]] = []
    queue, serial = n, 0
    while done < n:
        while queue and limit.has_room and not limit.pause(now):
            limit.start()
            queue, serial = queue - 1, serial + 1
            is_taken = serving < capacity
            serving += is_taken
            heapq.heappush(ends, (now + (latency if is_taken else 0.005), serial, is_taken))
        if not ends:
            now += limit.pause(now)
            continue
        now, _, is_taken = heapq.heappop(ends)
        if is_taken:
            serving, done = serving - 1, done + 1
            limit.accepted()
        else:
            queue += 1
            limit.refused(now, 0.2)
    return now, limit.n_refused


@pytest.mark.parametrize("latency", [0.2, 2.0])
def test_the_services_limit_is_found_with_few_refusals(latency: float) -> None:
    n, capacity = 4000, 48
    seconds, n_refused = simulate(n, capacity=capacity, latency=latency)
    assert n / seconds >= 0.8 * capacity / latency
    assert n_refused <= 0.05 * n


def test_without_refusals_the_maximum_is_reached() -> None:
    seconds, n_refused = simulate(6400, capacity=1000, latency=0.2, maximum=64)
    assert n_refused == 0
    assert 6400 / seconds >= 0.92 * 64 / 0.2


def test_a_service_that_takes_one_at_a_time_is_served() -> None:
    seconds, _ = simulate(50, capacity=1, latency=0.2)
    assert seconds < 60


def test_nobody_sends_before_the_service_wants_to() -> None:
    clock = FakeClock(time=0.0)
    sent: list[float] = []

    def call(_ask: int) -> None:
        sent.append(clock.now())
        if len(sent) == 1:
            raise Throttled("wait", retry_after_seconds=30)

    Asker(call, limit=AdaptiveLimit(maximum=1), clock=clock).run(range(3))
    assert sent[0] == 0.0
    assert min(sent[1:]) >= 30.0
    assert len(sent) == 4


def test_no_more_than_the_maximum_are_under_way() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def call(_ask: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.001)
        with lock:
            under_way -= 1

    Asker(call, limit=AdaptiveLimit(maximum=5), clock=FakeClock()).run(range(60))
    assert 1 <= most <= 5


def test_the_first_lasting_error_ends_the_run() -> None:
    seen: list[int] = []

    def call(ask: int) -> None:
        seen.append(ask)
        if ask == 3:
            raise RequestRejected("bad prompt")

    with pytest.raises(RequestRejected, match="bad prompt"):
        Asker(call, limit=AdaptiveLimit(maximum=1), clock=FakeClock()).run(range(100))
    assert seen == [0, 1, 2, 3]


def test_bugs_are_not_swallowed() -> None:
    def call(_ask: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Asker(call, limit=AdaptiveLimit(maximum=4), clock=FakeClock()).run(range(10))


def test_nothing_to_ask_ends_at_once() -> None:
    asked: list[int] = []
    Asker[int](asked.append, limit=AdaptiveLimit(maximum=4), clock=FakeClock()).run([])
    assert asked == []


def test_a_journal_keeps_every_line() -> None:
    chunks: list[bytes] = []
    with Journal(chunks.append) as journal:
        threads = [
            threading.Thread(target=lambda k=k: [journal.append(b"%d-%d" % (k, i)) for i in range(200)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = b"".join(chunks).splitlines()
    assert sorted(lines) == sorted(b"%d-%d" % (k, i) for k in range(4) for i in range(200))


def test_a_lone_line_is_stored_at_once() -> None:
    stored = threading.Event()
    with Journal(lambda _chunk: stored.set()) as journal:
        journal.append(b"x")
        assert stored.wait(5)


def test_a_store_that_fails_is_heard_of() -> None:
    def store(_chunk: bytes) -> None:
        raise ServiceUnavailable("away")

    with pytest.raises(ServiceUnavailable), Journal(store) as journal:
        journal.append(b"x")


def test_what_failed_inside_is_not_hidden_by_the_store() -> None:
    def store(_chunk: bytes) -> None:
        raise ServiceUnavailable("away")

    journal = Journal(store)

    def fail_inside() -> None:
        with journal:
            journal.append(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
