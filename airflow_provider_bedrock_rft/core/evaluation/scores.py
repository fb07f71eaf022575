"""Scores per sample, as an evaluation leaves them and a comparison takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidScores

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScores:
    """All scores of one sample.

    Attributes:
        sample_id: Pairs the two sides of a comparison.
        scores: One per completion, finite.
        group: Samples of one group (same document, same user) are not independent; empty stands for itself.
        slices: Slice key → value.
        completion_tokens: Mean per completion, ``None`` where unknown.
        latency_ms: Mean per completion, ``None`` where unknown.
        prompt: Fingerprint of the prompt, empty where unknown.
    """

    sample_id: str
    scores: tuple[float, ...]
    group: str = ""
    slices: Mapping[str, str] = field(default_factory=dict)
    completion_tokens: float | None = None
    latency_ms: float | None = None
    prompt: str = ""

    @property
    def mean(self) -> float:
        """The sample's own mean: completions of one prompt are no independent evidence."""
        return math.fsum(self.scores) / len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPair:
    """One sample under both models.

    Attributes:
        sample_id: The sample.
        baseline: Its mean score under the baseline.
        candidate: Its mean score under the candidate.
        cluster: What it is resampled with; its own id where it stands alone.
        slices: Slice key → value.
        completion_tokens: Baseline's and candidate's means, ``None`` where either is unknown.
        latency_ms: Likewise.
    """

    sample_id: str
    baseline: float
    candidate: float
    cluster: str
    slices: Mapping[str, str] = field(default_factory=dict)
    completion_tokens: tuple[float, float] | None = None
    latency_ms: tuple[float, float] | None = None

    @property
    def difference(self) -> float:
        """Candidate minus baseline; what only rounding tells apart is a tie."""
        if math.isclose(self.candidate, self.baseline, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            return 0.0
        return self.candidate - self.baseline


def pair(baseline: Sequence[SampleScores], candidate: Sequence[SampleScores]) -> tuple[ScoredPair, ...]:
    """The samples under both models, ordered by id.

    Raises:
        InvalidScores: Ids are doubled or unmatched, a score is missing or not finite, or the sides disagree about a
            sample's prompt, group or slices.
    """
    left, right = _by_id(baseline, "baseline"), _by_id(candidate, "candidate")
    _refuse_unmatched(left.keys() - right.keys(), "candidate")
    _refuse_unmatched(right.keys() - left.keys(), "baseline")
    return tuple(_pair(left[sample_id], right[sample_id]) for sample_id in sorted(left))


def _by_id(samples: Iterable[SampleScores], side: str) -> dict[str, SampleScores]:
    found: dict[str, SampleScores] = {}
    for sample in samples:
        if sample.sample_id in found:
            raise InvalidScores(f"Duplicate sample id {sample.sample_id!r} in the {side}.", sample_id=sample.sample_id)
        if not sample.scores:
            raise InvalidScores(f"Sample {sample.sample_id!r} of the {side} has no score.", sample_id=sample.sample_id)
        if not all(map(math.isfinite, sample.scores)):
            raise InvalidScores(
                f"Sample {sample.sample_id!r} of the {side} has a score that is not a finite number.",
                action="Mend the grader: NaN and infinity are no scores.",
                sample_id=sample.sample_id,
            )
        found[sample.sample_id] = sample
    return found


def _refuse_unmatched(missing: Iterable[str], side: str) -> None:
    names = sorted(missing)
    if names:
        shown = ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
        raise InvalidScores(
            f"{len(names)} unmatched sample ids: the {side} has no scores for {shown}.",
            action="Evaluate both models on the same samples.",
            unmatched=names[:100],
        )


def _pair(left: SampleScores, right: SampleScores) -> ScoredPair:
    for what, one, other in (
        ("prompt", left.prompt, right.prompt),
        ("group", left.group, right.group),
        ("slices", dict(left.slices), dict(right.slices)),
    ):
        if one != other and one and other:
            raise InvalidScores(
                f"The two sides disagree about the {what} of sample {left.sample_id!r}: the test set was changed.",
                action="Evaluate both models on the same version of the test set.",
                sample_id=left.sample_id,
            )
    return ScoredPair(
        sample_id=left.sample_id,
        baseline=left.mean,
        candidate=right.mean,
        cluster=f"group {left.group or right.group}" if left.group or right.group else left.sample_id,
        slices=left.slices or right.slices,
        completion_tokens=_both(left.completion_tokens, right.completion_tokens),
        latency_ms=_both(left.latency_ms, right.latency_ms),
    )


def _both(left: float | None, right: float | None) -> tuple[float, float] | None:
    return None if left is None or right is None else (left, right)
