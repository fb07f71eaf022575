"""Many requests at once, as many as the service takes, each answered once."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.errors import RftError, Throttled, TransientServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.evaluation.concurrency import AdaptiveLimit

Ask = TypeVar("Ask")

MAX_TRIES = 6
"""Failures of one request, refusals aside, after which the run stops."""
MAX_REFUSALS = 100
"""Refusals in a row, of any request, after which the service is taken at its word."""
RETRY_AFTER = "retry_after_seconds"
"""Detail of ``Throttled`` in which clients report the service's wish."""


@dataclass(slots=True)
class _Try(Generic[Ask]):
    ask: Ask
    n_failures: int = 0


class Asker(Generic[Ask]):
    """Carries out requests on threads; the calling thread only hands them out.

    A refused request goes back to the head of the queue and is sent after the service's retry-after; a request that
    failed transiently is repeated with growing pauses. Any other error ends the run once what is under way has ended:
    what was answered until then has been handed on.
    """

    def __init__(self, call: Callable[[Ask], None], *, limit: AdaptiveLimit, clock: Clock, seed: int = 0) -> None:
        self._call = call
        self._limit = limit
        self._clock = clock
        self._random = Random(seed)
        self._backoff = Backoff(first_seconds=0.5, max_seconds=30.0)
        self._queue: deque[_Try[Ask]] = deque()
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._n_refusals_in_a_row = 0

    def run(self, asks: Iterable[Ask]) -> None:
        """Carry out all of them.

        Raises:
            RftError: The first error that a repetition does not mend.
        """
        self._queue.extend(_Try(ask) for ask in asks)
        with ThreadPoolExecutor(max_workers=self._limit.maximum, thread_name_prefix="rft-ask") as pool:
            while (first := self._next()) is not None:
                pool.submit(self._carry_out, first).add_done_callback(self._ended)
        if self._failure is not None:
            raise self._failure

    def _next(self) -> _Try[Ask] | None:
        """Waits until another thread's worth of requests may be sent."""
        while True:
            with self._changed:
                while not self._is_over and not (self._queue and self._limit.has_room):
                    self._changed.wait()
                if self._is_over:
                    return None
                pause = self._limit.pause(self._clock.now())
                if not pause:
                    return self._start()
            self._clock.sleep(pause)

    @property
    def _is_over(self) -> bool:
        return self._failure is not None or (not self._queue and not self._limit.in_flight)

    def _start(self) -> _Try[Ask]:
        self._limit.start()
        return self._queue.popleft()

    def _carry_out(self, first: _Try[Ask]) -> None:
        """Requests one after the other, without waking the thread that hands them out."""
        tried: _Try[Ask] | None = first
        while tried is not None:
            try:
                self._call(tried.ask)
            except Throttled as error:
                self._refused(tried, error)
            except TransientServiceError as error:
                self._failed(tried, error)
            else:
                self._accepted()
            tried = self._take()

    def _take(self) -> _Try[Ask] | None:
        """The next request, where it may be sent at once."""
        with self._changed:
            may_send = not self._is_over and bool(self._queue) and self._limit.has_room
            taken = self._start() if may_send and not self._limit.pause(self._clock.now()) else None
            if taken is None or self._limit.has_room:
                self._changed.notify()
            return taken

    def _ended(self, future: Future[None]) -> None:
        """What a repetition does not mend, whatever it is, ends the run."""
        if (error := future.exception()) is not None:
            self._end(error)

    def _accepted(self) -> None:
        with self._changed:
            self._n_refusals_in_a_row = 0
            self._limit.accepted()

    def _refused(self, tried: _Try[Ask], error: Throttled) -> None:
        wish = error.details.get(RETRY_AFTER)
        with self._changed:
            self._n_refusals_in_a_row += 1
            pause = float(wish) if isinstance(wish, int | float) else self._backoff.pause(1, self._random)
            self._limit.refused(self._clock.now(), pause)
            self._queue.appendleft(tried)
            if self._n_refusals_in_a_row >= MAX_REFUSALS and self._failure is None:
                self._failure = error

    def _failed(self, tried: _Try[Ask], error: RftError) -> None:
        tried.n_failures += 1
        if tried.n_failures >= MAX_TRIES:
            raise error
        self._clock.sleep(self._backoff.pause(tried.n_failures, self._random))
        with self._changed:
            self._queue.appendleft(tried)
            self._limit.accepted()

    def _end(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._limit.accepted()
            self._changed.notify()
