"""Whether a judge agrees with people well enough to train."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.errors import InvalidGrader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MIN_SAMPLES = 30
"""With fewer, an interval for agreement spans most of its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Agreement between a judge and people.

    Attributes:
        n: Samples judged by both.
        kappa: Cohen's kappa of the verdicts, cut into classes.
        kappa_low: Lower end of its 95 % interval.
        alpha: Krippendorff's alpha of the scores as they are (interval scale).
        bias: Mean of judge minus people.
    """

    n: int
    kappa: float
    kappa_low: float
    alpha: float
    bias: float


def calibrate(judged: Sequence[float], labelled: Sequence[float], *, cuts: Sequence[float] = (0.5,)) -> Calibration:
    """How far a judge's scores agree with people's labels, both from 0 to 1 and in the same order.

    Raises:
        InvalidGrader: There are too few samples, or not equally many of both.
    """
    if len(judged) != len(labelled) or len(judged) < MIN_SAMPLES:
        raise InvalidGrader(
            f"A judge is calibrated on pairs of verdict and label: there are {len(judged)} and {len(labelled)}.",
            action=f"Have people label at least {MIN_SAMPLES} completions.",
        )
    classes = [[sum(score >= cut for cut in cuts) for score in scores] for scores in (judged, labelled)]
    kappa, kappa_low = cohens_kappa(classes[0], classes[1])
    bias = sum(ours - theirs for ours, theirs in zip(judged, labelled, strict=True)) / len(judged)
    alpha = krippendorff_alpha(list(zip(judged, labelled, strict=True)))
    return Calibration(n=len(judged), kappa=kappa, kappa_low=kappa_low, alpha=alpha, bias=bias)


def require_calibrated(found: Calibration, *, min_kappa: float = 0.6, min_alpha: float = 0.6) -> None:
    """Refuse a judge that does not agree with people.

    Raises:
        InvalidGrader: The lower end of kappa's interval, or alpha, is below its bound.
    """
    if found.kappa_low < min_kappa or found.alpha < min_alpha:
        raise InvalidGrader(
            f"The judge agrees too little with people to train: kappa {found.kappa:.2f} (at least "
            f"{found.kappa_low:.2f} with 95 % confidence), alpha {found.alpha:.2f}, on {found.n} samples.",
            action=f"Sharpen the rubric, take a stronger judge, or label more: wanted are {min_kappa} and {min_alpha}.",
        )


def cohens_kappa(left: Sequence[int], right: Sequence[int]) -> tuple[float, float]:
    """Cohen's kappa and the lower end of its 95 % interval; 1 when both always say the same one thing."""
    import numpy as np  # noqa: PLC0415 -- heavy, and needed nowhere else here
    from statsmodels.stats.inter_rater import cohens_kappa as of_table  # noqa: PLC0415

    names = sorted({*left, *right})
    if len(names) == 1:
        return 1.0, 1.0
    counts = Counter(zip(left, right, strict=True))
    table = np.array([[counts[row, column] for column in names] for row in names])
    found = of_table(table)
    return float(found.kappa), float(found.kappa_low)


def krippendorff_alpha(units: Sequence[Sequence[T]], distance: Callable[[T, T], float] | None = None) -> float:
    """Krippendorff's alpha of units judged by two or more raters each; squared difference unless told otherwise.

    Quadratic in the number of judgements. 1 when nothing differs at all.
    """
    apart: Callable[[T, T], float] = distance or (lambda a, b: (float(a) - float(b)) ** 2)  # type: ignore[arg-type]
    judged = [unit for unit in units if len(unit) > 1]
    values = [value for unit in judged for value in unit]
    observed = sum(sum(apart(one, other) for one in unit for other in unit) / (len(unit) - 1) for unit in judged) / max(
        1, len(values)
    )
    pairs = len(values) * (len(values) - 1)
    expected = sum(apart(one, other) for one in values for other in values) / pairs if pairs else 0.0
    return 1.0 - observed / expected if expected else 1.0
