"""Two models on the same samples: the difference, its interval, and how often chance would do as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import fingerprint, payload
from airflow_provider_bedrock_rft.core.evaluation.analysis import Analysis
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.growth import Growth, growth_of
from airflow_provider_bedrock_rft.core.evaluation.scores import pair
from airflow_provider_bedrock_rft.core.evaluation.slices import SliceDifference, differences_by_slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores, ScoredPair

MAX_MOVES = 20
"""Samples named as the largest gains, and as many as the largest losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One sample's change."""

    sample_id: str
    baseline: float
    candidate: float


@payload("rft.comparison")
@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A paired comparison.

    Attributes:
        n_samples: Pairs.
        n_clusters: Independent units; equals ``n_samples`` where samples stand alone.
        n_wins: Pairs where the candidate scores higher.
        n_losses: Pairs where it scores lower.
        is_binary: Every score is 0 or 1 and each sample has one completion per side.
        baseline: Mean score, ``None`` with too few samples.
        candidate: Likewise.
        difference: Candidate minus baseline, ``None`` with too few samples.
        too_few: Set where there is too little data for a difference.
        standard_error: Of the difference; what power is computed from.
        p_value: One-sided: chance alone would do at least as well for the candidate.
        p_worse: One-sided, for the baseline.
        test: Name of the test behind both.
        slices: Per slice, p-values adjusted over all slices.
        growth: Completion tokens and latency, where both sides have them.
        largest_moves: The largest gains, then the largest losses.
        confidence: Coverage of the intervals.
        n_resamples: Of bootstrap and permutation.
        seed: Of every draw.
    """

    n_samples: int
    n_clusters: int
    n_wins: int
    n_losses: int
    is_binary: bool
    baseline: Estimate | None
    candidate: Estimate | None
    difference: Estimate | None
    too_few: TooFewSamples | None
    standard_error: float
    p_value: float
    p_worse: float
    test: str
    slices: tuple[SliceDifference, ...] = ()
    growth: tuple[Growth, ...] = ()
    largest_moves: tuple[Move, ...] = ()
    confidence: float = 0.95
    n_resamples: int = 10_000
    seed: int = 0

    @property
    def n_ties(self) -> int:
        """Pairs that score the same on both sides."""
        return self.n_samples - self.n_wins - self.n_losses

    @property
    def all_tie(self) -> bool:
        """True when no sample tells the two models apart."""
        return self.n_ties == self.n_samples

    def content_fingerprint(self) -> str:
        """Equal for equal data and settings."""
        return fingerprint(self)


def compare(
    baseline: Sequence[SampleScores],
    candidate: Sequence[SampleScores],
    *,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
    is_clustered: bool = True,
) -> Comparison:
    """Compare two models sample by sample.

    Binary scores with one completion each get the exact McNemar test; all others a sign-flip permutation test and a
    BCa bootstrap interval, after averaging a sample's completions. Where groups hold several samples (and
    ``is_clustered``), signs are flipped per group and the interval is cluster-robust.

    Raises:
        InvalidScores: The two sides cannot be paired.
    """
    pairs = pair(baseline, candidate)
    if not is_clustered:
        pairs = tuple(replace(one, cluster=one.sample_id) for one in pairs)
    is_binary = _is_binary(baseline) and _is_binary(candidate)
    analysis = Analysis(pairs=pairs, is_binary=is_binary, confidence=confidence, n_resamples=n_resamples, seed=seed)
    difference = analysis.difference()
    p_value, p_worse = analysis.p_values()
    return Comparison(
        n_samples=len(pairs),
        n_clusters=analysis.n_clusters,
        n_wins=analysis.n_wins,
        n_losses=analysis.n_losses,
        is_binary=is_binary,
        baseline=analysis.side([one.baseline for one in pairs]),
        candidate=analysis.side([one.candidate for one in pairs]),
        difference=difference if isinstance(difference, Estimate) else None,
        too_few=difference if isinstance(difference, TooFewSamples) else None,
        standard_error=analysis.standard_error(),
        p_value=p_value,
        p_worse=p_worse,
        test=analysis.test,
        slices=differences_by_slice(pairs, is_binary=is_binary, confidence=confidence, seed=seed),
        growth=growth_of(pairs, confidence=confidence),
        largest_moves=_largest_moves(pairs),
        confidence=confidence,
        n_resamples=n_resamples,
        seed=seed,
    )


def _is_binary(samples: Sequence[SampleScores]) -> bool:
    return all(len(sample.scores) == 1 and sample.scores[0] in {0.0, 1.0} for sample in samples)


def _largest_moves(pairs: Sequence[ScoredPair]) -> tuple[Move, ...]:
    ranked = sorted((one for one in pairs if one.difference), key=lambda one: (one.difference, one.sample_id))
    losses = [one for one in ranked[:MAX_MOVES] if one.difference < 0]
    gains = [one for one in reversed(ranked[-MAX_MOVES:]) if one.difference > 0]
    return tuple(
        Move(sample_id=one.sample_id, baseline=one.baseline, candidate=one.candidate) for one in [*gains, *losses]
    )
