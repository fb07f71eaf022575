"""Time is an argument: the clock, deadlines on it, and pauses between tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from random import Random


class Clock(Protocol):
    """Where the present and the passing of time come from."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        ...


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only when it is told to; sleeping is instant."""

    time: float = 1_793_100_000.0

    def now(self) -> float:
        """The time it was set to."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on by ``seconds`` at once."""
        self.time += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """An absolute point in time; survives a restart of whoever waits for it."""

    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        """The deadline ``seconds`` from now."""
        return cls(at=clock.now() + seconds)

    def remaining(self, clock: Clock) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - clock.now())

    def has_passed(self, clock: Clock) -> bool:
        """True when no time is left."""
        return clock.now() >= self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses that double from ``first_seconds`` up to ``max_seconds``, each drawn between half and whole (jitter)."""

    first_seconds: float = 1.0
    max_seconds: float = 60.0

    def pause(self, n_failures: int, random: Random) -> float:
        """Seconds to wait after the ``n_failures``-th failure in a row (counted from 1)."""
        whole: float = min(self.max_seconds, self.first_seconds * 2.0 ** min(n_failures - 1, 32))
        return whole * (0.5 + 0.5 * random.random())


def to_utc(epoch_seconds: float) -> datetime:
    """The aware UTC datetime of a point in time."""
    return datetime.fromtimestamp(epoch_seconds, tz=timezone.utc)
