"""The same difference within named parts of the test set, with p-values that allow for asking many times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation.analysis import Analysis
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.multiplicity import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.scores import ScoredPair

MIN_SAMPLES = 8
"""A slice below this is answered with ``TooFewSamples``."""
_N_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceDifference:
    """The difference in one slice.

    Attributes:
        key: Slice key.
        value: Slice value.
        n_samples: Pairs in it.
        difference: ``None`` with too few samples.
        too_few: Set with too few samples.
        p_worse: One-sided, that the candidate is worse here; adjusted over all slices by Holm.
    """

    key: str
    value: str
    n_samples: int
    difference: Estimate | None
    too_few: TooFewSamples | None
    p_worse: float

    @property
    def name(self) -> str:
        """``key=value``, as policies name it."""
        return f"{self.key}={self.value}"


def differences_by_slice(
    pairs: Sequence[ScoredPair], *, is_binary: bool, confidence: float = 0.95, seed: int = 0
) -> tuple[SliceDifference, ...]:
    """Every slice's difference, ordered by name; intervals are t (clusters: robust; binary: Bonett-Price)."""
    parts: dict[tuple[str, str], list[ScoredPair]] = {}
    for pair in pairs:
        for key, value in pair.slices.items():
            parts.setdefault((key, value), []).append(pair)
    found = []
    for (key, value), part in sorted(parts.items()):
        analysis = Analysis(
            pairs=tuple(part),
            is_binary=is_binary,
            confidence=confidence,
            n_resamples=_N_RESAMPLES,
            seed=seed,
            is_resampled=False,
        )
        found.append(_in_slice(key, value, analysis))
    adjusted = iter(holm([part.p_worse for part in found if part.difference]))
    return tuple(replace(part, p_worse=next(adjusted)) if part.difference else part for part in found)


def _in_slice(key: str, value: str, analysis: Analysis) -> SliceDifference:
    n = len(analysis.pairs)
    found: Estimate | TooFewSamples = TooFewSamples(what=f"pairs in slice {key}={value}", n=n, needed=MIN_SAMPLES)
    if n >= MIN_SAMPLES:
        found = analysis.difference()
    is_known = isinstance(found, Estimate)
    return SliceDifference(
        key=key,
        value=value,
        n_samples=n,
        difference=found if isinstance(found, Estimate) else None,
        too_few=None if isinstance(found, Estimate) else found,
        p_worse=analysis.p_values()[1] if is_known else 1.0,
    )
