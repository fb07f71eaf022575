"""How many requests may be under way: found by trying, and never more than the service has shown it takes."""

from __future__ import annotations

from dataclasses import dataclass

_KEPT = 0.97
"""Share of what the service accepted that is asked for after a refusal."""
_GROWTH = 1.03
"""Growth per round after the first refusal; before it, a round doubles."""
_USED = 0.8
"""A limit that was not used has not been shown to hold, and does not grow."""


@dataclass(slots=True, kw_only=True)
class AdaptiveLimit:
    """A limit on requests under way. Not thread-safe: whoever shares it holds a lock.

    Slow start; on the first refusal all requests under way run out, and the limit becomes 0.97 of those the service
    really accepted; then 3 % more per round. Nobody sends before the service's retry-after.
    """

    maximum: int
    limit: float = 8.0
    in_flight: int = 0
    resume_at: float = 0.0
    n_refused: int = 0
    _is_starting: bool = True
    _is_draining: bool = False
    _n_accepted: int = 0
    _most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.limit = min(self.limit, float(self.maximum))

    def pause(self, now: float) -> float:
        """Seconds until the service wants to be asked again."""
        return max(0.0, self.resume_at - now)

    @property
    def has_room(self) -> bool:
        """True when one more request may be sent as far as their number goes."""
        return not self._is_draining and self.in_flight < int(self.limit)

    def start(self) -> None:
        """A request is sent."""
        self.in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self.in_flight)

    def accepted(self) -> None:
        """A request was answered, whatever the answer."""
        self.in_flight -= 1
        self._n_accepted += 1
        if self._is_draining:
            self._end_drain()
        elif self._n_accepted >= self.limit:
            self._end_round()

    def refused(self, now: float, retry_after_seconds: float) -> None:
        """A request was refused because there were too many."""
        self.in_flight -= 1
        self.n_refused += 1
        self.resume_at = max(self.resume_at, now + retry_after_seconds)
        if not self._is_draining:
            self._is_draining, self._is_starting, self._n_accepted = True, False, 0
        self._end_drain()

    def _end_drain(self) -> None:
        if self.in_flight == 0:
            self.limit = max(1.0, min(self.limit, _KEPT * self._n_accepted))
            self._is_draining, self._n_accepted, self._most_in_flight = False, 0, 0

    def _end_round(self) -> None:
        if self._most_in_flight >= _USED * self.limit:
            grown = self.limit * 2 if self._is_starting else max(self.limit * _GROWTH, self.limit + 0.25)
            self.limit = min(grown, float(self.maximum))
        self._n_accepted, self._most_in_flight = 0, self.in_flight
