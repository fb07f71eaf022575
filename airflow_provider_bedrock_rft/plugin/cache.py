"""Answers of slow services: asked for once at a time, kept for a while, and never waited for long."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_provider_bedrock_rft.core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from airflow_provider_bedrock_rft.core.clock import Clock

T = TypeVar("T")

ERROR_SECONDS = 10.0
"""How long a failure is passed on to others who ask, before the service is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    future: Future[Any]
    asked_at: float
    previous: object


class Cache:
    """Values by key, the least recently used dropped first. Safe from many threads.

    Args:
        clock: Dates the values.
        max_entries: Values kept.
        n_workers: Services asked at once; the threads that serve pages never wait in a service themselves.
        patience_seconds: How long a page waits; the answer is then kept for the next one that asks.
    """

    def __init__(
        self, clock: Clock, *, max_entries: int = 64, n_workers: int = 8, patience_seconds: float = 8.0
    ) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._patience_seconds = patience_seconds
        self._pool = ThreadPoolExecutor(max_workers=n_workers, thread_name_prefix="rft-page")
        self._lock = Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def get(
        self, key: Hashable, make: Callable[[T | None], T], *, seconds: Callable[[T], float] = lambda _value: 3600.0
    ) -> T:
        """The value of ``key``, made when there is none or when it is older than ``seconds`` allows.

        ``make`` gets the value before, if there was one.

        Raises:
            RftError: Making it failed, now or within the last ten seconds.
            ServiceUnavailable: It takes longer than a page may wait.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or self._is_stale(entry, cast("Callable[[object], float]", seconds)):
                entry = self._ask(cast("Callable[[object], object]", make), entry)
                self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
        try:
            return cast("T", entry.future.result(timeout=self._patience_seconds))
        except FutureTimeout:
            raise ServiceUnavailable(
                f"There was no answer within {self._patience_seconds:.0f} s.",
                action="Look again in a moment; if it stays so, check the endpoint and the network of the API server.",
            ) from None

    def _is_stale(self, entry: _Entry, seconds: Callable[[object], float]) -> bool:
        if not entry.future.done():
            return False
        age = self._clock.now() - entry.asked_at
        return age >= (ERROR_SECONDS if entry.future.exception() else seconds(entry.future.result()))

    def _ask(self, make: Callable[[object], object], before: _Entry | None) -> _Entry:
        previous = None
        if before is not None:
            previous = before.previous if before.future.exception() else before.future.result()
        future = self._pool.submit(make, previous)
        return _Entry(future=future, asked_at=self._clock.now(), previous=previous)
