"""P-values of a paired difference, one-sided: how often chance alone would do at least as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ENUMERATED = 13
"""Up to here all sign patterns are counted, so that the p-value is exact."""
_BATCH = 64


def mcnemar(wins: int, losses: int) -> float:
    """The exact one-sided McNemar p-value that the candidate is better: a binomial test on the discordant pairs."""
    if wins + losses == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)


def sign_flip(totals: Sequence[float], *, n_resamples: int = 10_000, seed: int = 0) -> float:
    """The one-sided permutation p-value of paired differences (or of their sums per cluster).

    Under the null each sign is as likely as its opposite. It is scipy's ``permutation_test`` of type ``samples`` for a
    sum, as one matrix product: 10,000 pairs take 0.05 s where scipy's general form takes 9 s.
    """
    import numpy as np

    values = np.asarray([total for total in totals if total != 0.0], dtype=np.float64)
    if not values.size:
        return 1.0
    observed, slack = values.sum(), 1e-12 * np.abs(values).sum()
    if values.size <= MAX_ENUMERATED:
        patterns = (np.arange(2**values.size)[:, None] >> np.arange(values.size)) & 1
        return float(np.mean(2 * (patterns @ values) - observed >= observed - slack))
    random, n_extreme = np.random.default_rng(seed), 0
    for start in range(0, n_resamples, _BATCH):
        n_rows = min(_BATCH, n_resamples - start)
        noise = np.frombuffer(random.bytes(n_rows * ((values.size + 7) // 8)), np.uint8).reshape(n_rows, -1)
        kept = np.unpackbits(noise, axis=1, count=values.size).astype(np.float64)
        n_extreme += int(np.count_nonzero(2 * (kept @ values) - observed >= observed - slack))
    return (n_extreme + 1) / (n_resamples + 1)
