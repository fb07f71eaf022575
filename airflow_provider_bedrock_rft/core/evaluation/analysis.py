"""The method that fits a set of pairs, chosen once: binary or graded, alone or in clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_bedrock_rft.core.evaluation import interval
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.scores import ScoredPair
from airflow_provider_bedrock_rft.core.evaluation.significance import mcnemar, sign_flip


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Paired differences and how to judge them.

    Attributes:
        pairs: The samples.
        is_binary: Every score is 0 or 1, one completion per sample and side.
        confidence: Coverage of the intervals.
        n_resamples: Of bootstrap and permutation.
        seed: Of every draw.
        is_resampled: False takes the t interval where the bootstrap would be taken.
    """

    pairs: tuple[ScoredPair, ...]
    is_binary: bool
    confidence: float
    n_resamples: int
    seed: int
    is_resampled: bool = True

    @property
    def n_clusters(self) -> int:
        """Independent units."""
        return len({pair.cluster for pair in self.pairs})

    @property
    def is_clustered(self) -> bool:
        """True when some samples depend on each other."""
        return self.n_clusters < len(self.pairs)

    @property
    def is_exact(self) -> bool:
        """True when the binomial distribution says it all."""
        return self.is_binary and not self.is_clustered

    @property
    def n_wins(self) -> int:
        """Pairs in which the candidate scores higher."""
        return sum(pair.difference > 0 for pair in self.pairs)

    @property
    def n_losses(self) -> int:
        """Pairs in which it scores lower."""
        return sum(pair.difference < 0 for pair in self.pairs)

    @property
    def test(self) -> str:
        """The name of the test."""
        if self.is_exact:
            return "exact McNemar"
        return "sign-flip permutation of clusters" if self.is_clustered else "sign-flip permutation"

    def difference(self) -> Estimate | TooFewSamples:
        """Candidate minus baseline, with its interval."""
        differences = [pair.difference for pair in self.pairs]
        if self.is_clustered:
            clusters = [pair.cluster for pair in self.pairs]
            return interval.clustered_mean(differences, clusters, confidence=self.confidence)
        if self.is_binary:
            return interval.paired_proportions(self.n_wins, self.n_losses, len(self.pairs), confidence=self.confidence)
        if not self.is_resampled:
            return interval.mean(differences, confidence=self.confidence)
        return interval.bootstrap_mean(
            differences, confidence=self.confidence, n_resamples=self.n_resamples, seed=self.seed
        )

    def p_values(self) -> tuple[float, float]:
        """One-sided: how often chance alone does at least as well for the candidate, and for the baseline."""
        if self.is_exact:
            return mcnemar(self.n_wins, self.n_losses), mcnemar(self.n_losses, self.n_wins)
        return sign_flip(list(self._totals(0.0).values()), n_resamples=self.n_resamples, seed=self.seed)

    def side(self, scores: list[float]) -> Estimate | None:
        """One model's mean score."""
        found: Estimate | TooFewSamples
        if self.is_clustered:
            found = interval.clustered_mean(scores, [pair.cluster for pair in self.pairs], confidence=self.confidence)
        elif self.is_binary:
            found = interval.proportion(round(sum(scores)), len(scores), confidence=self.confidence)
        else:
            found = interval.mean(scores, confidence=self.confidence)
        return found if isinstance(found, Estimate) else None

    def standard_error(self) -> float:
        """Of the difference, with clusters allowed for; never zero, because pairs that all tie could have differed."""
        n = len(self.pairs)
        centre = math.fsum(pair.difference for pair in self.pairs) / max(n, 1)
        seen = math.hypot(*self._totals(centre).values()) / max(n, 1)
        return seen or math.sqrt(2) / (n + 2)

    def _totals(self, centre: float) -> dict[str, float]:
        totals: dict[str, float] = {}
        for pair in self.pairs:
            totals[pair.cluster] = totals.get(pair.cluster, 0.0) + pair.difference - centre
        return totals
