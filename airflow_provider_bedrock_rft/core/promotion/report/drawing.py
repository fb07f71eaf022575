"""Coordinates of the report's pictures; the page's template draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison

WIDTH, HEIGHT, ROW_HEIGHT = 640.0, 180.0, 26.0
_PADDING = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One interval of a forest plot, in pixels."""

    label: str
    text: str
    y: float
    low: float
    value: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """A forest plot: intervals over a common axis, with the line of no difference."""

    rows: tuple[ForestRow, ...]
    zero: float
    height: float


def forest_of(comparison: Comparison) -> Forest | None:
    """The overall difference and every slice's; ``None`` when none can be told."""
    known = [("all", comparison.difference), *((one.name, one.difference) for one in comparison.slices)]
    intervals: list[tuple[str, Estimate]] = [(label, found) for label, found in known if found is not None]
    if not intervals:
        return None
    scale = _Scale(low=min(0.0, *(one.low for _, one in intervals)), high=max(0.0, *(one.high for _, one in intervals)))
    rows = tuple(
        ForestRow(
            label=label,
            text=str(one),
            y=ROW_HEIGHT * (index + 0.5),
            low=scale.x(one.low),
            value=scale.x(one.value),
            high=scale.x(one.high),
        )
        for index, (label, one) in enumerate(intervals)
    )
    return Forest(rows=rows, zero=scale.x(0.0), height=ROW_HEIGHT * len(rows))


def curve_of(points: Sequence[tuple[float, float]]) -> str:
    """The ``points`` attribute of a polyline over the whole picture; empty with fewer than two."""
    if len(points) < 2:
        return ""
    across = _Scale(low=min(x for x, _ in points), high=max(x for x, _ in points))
    up = _Scale(low=min(y for _, y in points), high=max(y for _, y in points), length=HEIGHT)
    return " ".join(f"{across.x(x):.1f},{HEIGHT - up.x(y):.1f}" for x, y in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    low: float
    high: float
    length: float = WIDTH

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(_PADDING + share * (self.length - 2 * _PADDING), 2)
