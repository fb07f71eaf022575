"""The chance that at least one of k completions succeeds, without bias."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation import interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores


def pass_at_k(n: int, n_successes: int, k: int) -> float:
    """``1 - C(n-c, k) / C(n, k)``: averaged over samples it is unbiased, unlike ``1 - (1 - c/n)^k``.

    Raises:
        ValueError: ``k`` is not between 1 and ``n``, or there are more successes than completions.
    """
    if not (1 <= k <= n and 0 <= n_successes <= n):
        raise ValueError(f"pass@{k} of {n_successes} successes in {n} completions is not defined.")
    return 1.0 - math.comb(n - n_successes, k) / math.comb(n, k)


def usable_share(n: int, n_successes: int, group_size: int) -> float:
    """The chance that a group of ``group_size`` of these completions holds a success and a failure, without bias."""
    if not 1 <= group_size <= n:
        raise ValueError(f"Groups of {group_size} cannot be drawn from {n} completions.")
    all_same = math.comb(n - n_successes, group_size) + math.comb(n_successes, group_size)
    return 1.0 - all_same / math.comb(n, group_size)


def pass_rate(
    samples: Sequence[SampleScores], k: int, *, success_at: float = 1.0, confidence: float = 0.95
) -> Estimate | TooFewSamples:
    """Mean pass@k over the samples that have at least ``k`` scores; the interval is over samples."""
    values = [
        pass_at_k(len(sample.scores), sum(score >= success_at for score in sample.scores), k)
        for sample in samples
        if len(sample.scores) >= k
    ]
    return interval.mean_share(values, confidence=confidence)
