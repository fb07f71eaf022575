"""Costs that may grow while scores rise: completion tokens and latency, as ratios with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.scores import ScoredPair

MIN_SAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How much more of something the candidate takes, as a share of what the baseline takes (0.1 is 10 % more).

    Attributes:
        what: ``completion_tokens`` or ``latency_ms``.
        baseline: Mean.
        candidate: Mean.
        growth: Ratio of the means, less one.
        low: Lower end of the interval of the growth.
        high: Upper end.
        n: Pairs in which both sides are known.
    """

    what: str
    baseline: float
    candidate: float
    growth: float
    low: float
    high: float
    n: int


def growth_of(pairs: Sequence[ScoredPair], *, confidence: float = 0.95) -> tuple[Growth, ...]:
    """The growths that can be told: at least eight pairs, and a baseline above zero."""
    known = {
        "completion_tokens": [pair.completion_tokens for pair in pairs if pair.completion_tokens is not None],
        "latency_ms": [pair.latency_ms for pair in pairs if pair.latency_ms is not None],
    }
    found = (_growth(what, values, confidence) for what, values in known.items() if len(values) >= MIN_SAMPLES)
    return tuple(growth for growth in found if growth is not None)


def _growth(what: str, values: Sequence[tuple[float, float]], confidence: float) -> Growth | None:
    """The ratio of paired means with its delta-method t interval."""
    from scipy.stats import t

    n = len(values)
    baseline = math.fsum(before for before, _ in values) / n
    candidate = math.fsum(after for _, after in values) / n
    if baseline <= 0:
        return None
    ratio = candidate / baseline
    residuals = math.fsum((after - ratio * before) ** 2 for before, after in values)
    error = math.sqrt(residuals / (n - 1) / n) / baseline
    reach = float(t.ppf(0.5 + confidence / 2, n - 1)) * error
    return Growth(
        what=what,
        baseline=baseline,
        candidate=candidate,
        growth=ratio - 1,
        low=ratio - 1 - reach,
        high=ratio - 1 + reach,
        n=n,
    )
