"""What a test of this size can see, and how many samples more it would take."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MAX_SAMPLES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a one-sided test at ``alpha`` can see.

    Attributes:
        target: The true gain asked about.
        at_target: Chance of seeing it with the samples there are.
        detectable: The smallest true gain seen with the wanted power.
        wanted: The wanted power.
        alpha: Significance level of the test.
        n_samples: What there is.
        n_needed: Samples with which ``target`` is seen with the wanted power.
    """

    target: float
    at_target: float
    detectable: float
    wanted: float
    alpha: float
    n_samples: int
    n_needed: int

    @property
    def n_more(self) -> int:
        """How many samples are missing."""
        return max(0, self.n_needed - self.n_samples)


def power_of(*, target: float, standard_error: float, n: int, alpha: float, wanted: float = 0.8) -> Power:
    """The power of a paired test, from the standard error its data showed.

    The error is that of the analysis (clustered where it was), so ``n`` more samples means ``n`` more like these. The
    noncentral t is taken from scipy; ``statsmodels.stats.power`` gives the same at four times the import.
    """
    spread = standard_error * math.sqrt(n)
    return Power(
        target=target,
        at_target=_power(target, spread, n, alpha),
        detectable=_detectable(spread, n, alpha, wanted),
        wanted=wanted,
        alpha=alpha,
        n_samples=n,
        n_needed=_needed(target, spread, alpha, wanted),
    )


def _power(gain: float, spread: float, n: int, alpha: float) -> float:
    from scipy.stats import nct, t

    if n < 2 or alpha <= 0:
        return 0.0
    shift = gain * math.sqrt(n) / spread
    return 1.0 if shift > 30 else float(nct.sf(t.isf(alpha, n - 1), n - 1, shift))


def _detectable(spread: float, n: int, alpha: float, wanted: float) -> float:
    low, high = 0.0, 40.0 * spread / math.sqrt(max(n, 2)) + spread
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, spread, n, alpha) >= wanted else (middle, high)
    return high


def _needed(gain: float, spread: float, alpha: float, wanted: float) -> int:
    low, high = 1, _MAX_SAMPLES
    if gain <= 0 or _power(gain, spread, high, alpha) < wanted:
        return _MAX_SAMPLES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(gain, spread, middle, alpha) >= wanted else (middle, high)
    return high
