"""The emulator's time: real, faster than real, or pushed forward by a test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SKEW: ContextVar[float] = ContextVar("skew", default=0.0)


@contextlib.contextmanager
def skewed(seconds: float) -> Iterator[None]:
    """Within, and in all that is begun within, clocks are off by ``seconds``."""
    before = _SKEW.set(seconds)
    try:
        yield
    finally:
        _SKEW.reset(before)


def current_skew() -> float:
    """How far clocks are off here, in seconds."""
    return _SKEW.get()


def wall_time() -> float:
    """Seconds since the epoch as clients know them, but for the skew."""
    return time.time() + _SKEW.get()


class EmulatorClock:
    """Runs ``speed`` times as fast as the wall clock and can be advanced; it never runs backwards."""

    def __init__(
        self,
        speed: float = 1.0,
        *,
        not_before: float = 0.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"The clock's speed must be positive, not {speed}.")
        self.speed = speed
        self._monotonic = monotonic
        self._epoch = max(wall(), not_before)
        self._started = monotonic()
        self._sleepers: set[asyncio.Future[None]] = set()

    def now(self) -> float:
        """Emulated seconds since the epoch, UTC."""
        return self._epoch + (self._monotonic() - self._started) * self.speed + _SKEW.get()

    def advance(self, seconds: float) -> float:
        """Move on by ``seconds`` at once, wake whoever sleeps until then, and answer the new time."""
        if seconds < 0:
            raise ValueError("Time cannot be turned back.")
        self._epoch += seconds
        for sleeper in self._sleepers:
            _wake(sleeper)
        return self.now()

    async def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` of emulated time have passed."""
        loop = asyncio.get_running_loop()
        until = self.now() + seconds
        while (remaining := until - self.now()) > 0:
            sleeper: asyncio.Future[None] = loop.create_future()
            timer = loop.call_later(remaining / self.speed, _wake, sleeper)
            self._sleepers.add(sleeper)
            try:
                await sleeper
            finally:
                timer.cancel()
                self._sleepers.discard(sleeper)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
