"""P-values of a paired difference, one-sided: how often chance alone would do at least as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

MAX_ENUMERATED = 13
"""Up to here all sign patterns are counted, so that the p-value is exact."""
_BATCH = 64
_BYTE = 8


def mcnemar(wins: int, losses: int) -> float:
    """The exact one-sided McNemar p-value that the candidate is better: a binomial test on the discordant pairs."""
    if wins + losses == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)


def sign_flip(totals: Sequence[float], *, n_resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """The one-sided permutation p-values, better and worse, of paired differences (or of their sums per cluster).

    Under the null each sign is as likely as its opposite. It is scipy's ``permutation_test`` of type ``samples`` for a
    sum: 10,000 pairs take 0.1 s where scipy's general form takes 9 s.
    """
    import numpy as np

    values = np.asarray([total for total in totals if total != 0.0], dtype=np.float64)
    if not values.size:
        return 1.0, 1.0
    observed, slack = values.sum(), 1e-12 * np.abs(values).sum()
    if values.size <= MAX_ENUMERATED:
        patterns = (np.arange(2**values.size)[:, None] >> np.arange(values.size)) & 1
        sums = 2 * (patterns @ values) - observed
        return float(np.mean(sums >= observed - slack)), float(np.mean(sums <= observed + slack))
    n_above = n_below = 0
    for sums in _flipped_sums(values, n_resamples, seed):
        n_above += int(np.count_nonzero(sums >= observed - slack))
        n_below += int(np.count_nonzero(sums <= observed + slack))
    return (n_above + 1) / (n_resamples + 1), (n_below + 1) / (n_resamples + 1)


def _flipped_sums(values: NDArray[np.float64], n_resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Batches of sums under random signs; a byte of noise decides eight signs at once, by a table of their sums."""
    import numpy as np

    eights = np.pad(values, (0, -values.size % _BYTE)).reshape(-1, _BYTE)
    signs = 1.0 - 2.0 * ((np.arange(256)[:, None] >> np.arange(_BYTE)) & 1)
    table, offsets = (eights @ signs.T).ravel(), np.arange(len(eights)) * 256
    random = np.random.default_rng(seed)
    for start in range(0, n_resamples, _BATCH):
        n_rows = min(_BATCH, n_resamples - start)
        noise = np.frombuffer(random.bytes(n_rows * len(eights)), np.uint8).reshape(n_rows, -1)
        yield table[noise + offsets].sum(axis=1)
