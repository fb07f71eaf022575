"""How far the grader's scores can be believed: against labels of people, or the grader's own word on what is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
from airflow_provider_bedrock_rft.core.grader.calibration import MIN_SAMPLES, cohens_kappa

if TYPE_CHECKING:
    from collections.abc import Sequence

PASS_AT = 0.5
"""A score or label from here on counts as right."""
_N_BINS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Completions of similar score.

    Attributes:
        low: Scores from here on.
        high: Scores below, in the last bin up to here.
        n: Completions.
        score: Their mean score.
        label: Their mean label; equal to the score where the grader is calibrated.
    """

    low: float
    high: float
    n: int
    score: float
    label: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderCalibration:
    """Scores against labels, both from 0 to 1.

    Attributes:
        truth: Where the labels come from.
        n: Completions with both.
        kappa: Cohen's kappa of right and wrong.
        kappa_low: Lower end of its 95 % interval.
        bias: Mean score minus mean label: above zero, the grader is generous.
        n_false_passes: Scored as right and labelled as wrong: what a policy learns to exploit.
        n_false_fails: Scored as wrong and labelled as right.
        bins: Those that hold completions, lowest score first.
    """

    truth: str
    n: int
    kappa: float
    kappa_low: float
    bias: float
    n_false_passes: int
    n_false_fails: int
    bins: tuple[CalibrationBin, ...]

    def __str__(self) -> str:
        """For people."""
        return (
            f"kappa {self.kappa:.2f} (at least {self.kappa_low:.2f}), bias {self.bias:+.3f}, {self.n_false_passes} "
            f"false passes and {self.n_false_fails} false fails among {self.n:,} completions, by {self.truth}"
        )


def calibration_of(pairs: Sequence[tuple[float, float]], *, truth: str) -> GraderCalibration | TooFewSamples:
    """The calibration of pairs of score and label."""
    if len(pairs) < MIN_SAMPLES:
        return TooFewSamples(what="Calibration of the grader", n=len(pairs), needed=MIN_SAMPLES)
    said = [(int(score >= PASS_AT), int(label >= PASS_AT)) for score, label in pairs]
    kappa, kappa_low = cohens_kappa([one for one, _ in said], [other for _, other in said])
    return GraderCalibration(
        truth=truth,
        n=len(pairs),
        kappa=kappa,
        kappa_low=kappa_low,
        bias=_mean([score - label for score, label in pairs]),
        n_false_passes=said.count((1, 0)),
        n_false_fails=said.count((0, 1)),
        bins=tuple(_bins(pairs)),
    )


def _bins(pairs: Sequence[tuple[float, float]]) -> list[CalibrationBin]:
    gathered: dict[int, list[tuple[float, float]]] = {}
    for score, label in pairs:
        gathered.setdefault(min(_N_BINS - 1, max(0, int(score * _N_BINS))), []).append((score, label))
    return [
        CalibrationBin(
            low=number / _N_BINS,
            high=(number + 1) / _N_BINS,
            n=len(inside),
            score=_mean([score for score, _ in inside]),
            label=_mean([label for _, label in inside]),
        )
        for number, inside in sorted(gathered.items())
    ]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
