"""A number with its uncertainty, or the statement that there is too little data for one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its interval.

    Attributes:
        value: Point estimate.
        low: Lower end of the two-sided interval.
        high: Upper end.
        confidence: Coverage the interval promises, such as 0.95.
        n: Samples (clusters, where the method works on clusters) behind it.
        method: How the interval was made.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    method: str

    def __str__(self) -> str:
        """For people: ``+0.031 [+0.004, +0.058]``."""
        return f"{self.value:+.4g} [{self.low:+.4g}, {self.high:+.4g}]"

    @property
    def unsigned(self) -> str:
        """The same for a level, not a difference: ``0.731 [0.688, 0.770]``."""
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFewSamples:
    """The answer where there is too little data for a number; it is not zero and not an error.

    Attributes:
        what: What was to be estimated.
        n: What there is.
        needed: The least that would do.
    """

    what: str
    n: int
    needed: int

    def __str__(self) -> str:
        """One sentence with the next action."""
        return f"{self.what}: {self.n} of at least {self.needed} needed; add {self.needed - self.n} or more."
