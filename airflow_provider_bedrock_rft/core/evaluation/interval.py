"""Intervals: scipy's and statsmodels' where they have one, the published closed form where they have none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_SAMPLES = 2
"""Below this no spread can be seen."""
MIN_CLUSTERS = 5
"""Below this cluster-robust errors mean nothing."""
MIN_RESAMPLED = 8
"""Below this a bootstrap only reshuffles a handful of numbers; the t interval is used."""
_BATCH = 32
"""Resamples held in memory at once: 10,000 samples x 32 stay near 3 MB per array."""


def _vary(values: Sequence[float]) -> bool:
    """False when only rounding tells the values apart."""
    low, high = min(values), max(values)
    return not math.isclose(low, high, rel_tol=1e-9, abs_tol=1e-9)


def proportion(n_successes: int, n: int, *, confidence: float = 0.95) -> Estimate | TooFewSamples:
    """A share with its Wilson interval."""
    if n < 1:
        return TooFewSamples(what="samples for a share", n=n, needed=1)
    from scipy.stats import binomtest

    interval = binomtest(n_successes, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Estimate(
        value=n_successes / n,
        low=float(interval.low),
        high=float(interval.high),
        confidence=confidence,
        n=n,
        method="wilson",
    )


def mean(values: Sequence[float], *, confidence: float = 0.95) -> Estimate | TooFewSamples:
    """A mean with its t interval; values that never vary get the bound of :func:`constant`."""
    n = len(values)
    if n < MIN_SAMPLES:
        return TooFewSamples(what="samples for a mean", n=n, needed=MIN_SAMPLES)
    value = math.fsum(values) / n
    if not _vary(values):
        return constant(values[0], n, confidence=confidence)
    from scipy.stats import ttest_1samp

    interval = ttest_1samp(values, 0.0).confidence_interval(confidence)
    return Estimate(
        value=value, low=float(interval.low), high=float(interval.high), confidence=confidence, n=n, method="t"
    )


def constant(value: float, n: int, *, confidence: float) -> Estimate:
    """The interval of ``n`` equal values: what an unseen share of other values, each at most one away, could do.

    With no exception in ``n`` samples the exact upper bound of the share of exceptions is ``1 - (1-confidence)^(1/n)``.
    """
    reach = 1.0 - (1.0 - confidence) ** (1.0 / n)
    return Estimate(
        value=value, low=value - reach, high=value + reach, confidence=confidence, n=n, method="exact bound, no spread"
    )


def paired_proportions(wins: int, losses: int, n: int, *, confidence: float = 0.95) -> Estimate | TooFewSamples:
    """The difference of two paired shares with the adjusted Wald interval of Bonett and Price (2012).

    It adds one to wins and losses, holds its coverage at small ``n`` and has a width when all pairs tie; scipy and
    statsmodels have intervals for independent shares only.
    """
    if n < MIN_SAMPLES:
        return TooFewSamples(what="pairs for a difference", n=n, needed=MIN_SAMPLES)
    from scipy.stats import norm

    better, worse = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    error = math.sqrt((better + worse - (better - worse) ** 2) / (n + 2))
    reach = float(norm.ppf(0.5 + confidence / 2)) * error
    centre = better - worse
    return Estimate(
        value=(wins - losses) / n,
        low=max(-1.0, centre - reach),
        high=min(1.0, centre + reach),
        confidence=confidence,
        n=n,
        method="Bonett-Price",
    )


def bootstrap_mean(
    values: Sequence[float], *, confidence: float = 0.95, n_resamples: int = 10_000, seed: int = 0
) -> Estimate | TooFewSamples:
    """A mean with its BCa bootstrap interval; for a handful of values, or without spread, as :func:`mean`."""
    n = len(values)
    if n < MIN_RESAMPLED or not _vary(values):
        return mean(values, confidence=confidence)
    import numpy as np
    from scipy.stats import bootstrap

    scale = max(map(abs, values))  # the acceleration cubes them
    found = bootstrap(
        (np.asarray(values) / scale,),
        np.mean,
        n_resamples=n_resamples,
        batch=_BATCH,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(
        value=math.fsum(values) / n,
        low=float(found.low) * scale,
        high=float(found.high) * scale,
        confidence=confidence,
        n=n,
        method="BCa bootstrap",
    )


def clustered_mean(
    values: Sequence[float], clusters: Sequence[str], *, confidence: float = 0.95
) -> Estimate | TooFewSamples:
    """A mean whose error allows for dependence within clusters (CR1 errors, t with clusters - 1 degrees of freedom)."""
    names = {name: index for index, name in enumerate(sorted(set(clusters)))}
    if len(names) < MIN_CLUSTERS:
        return TooFewSamples(what="clusters for a mean", n=len(names), needed=MIN_CLUSTERS)
    if not _vary(values):
        return constant(values[0], len(names), confidence=confidence)
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    fit = OLS(np.asarray(values), np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array([names[name] for name in clusters])}, use_t=True
    )
    low, high = fit.conf_int(alpha=1 - confidence)[0]
    return Estimate(
        value=float(fit.params[0]),
        low=float(low),
        high=float(high),
        confidence=confidence,
        n=len(names),
        method="cluster-robust t",
    )


def mean_share(values: Sequence[float], *, confidence: float = 0.95) -> Estimate | TooFewSamples:
    """A mean of shares: as :func:`mean`, its interval kept within 0 and 1."""
    found = mean(values, confidence=confidence)
    if isinstance(found, TooFewSamples):
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
