"""Training metrics per step, put together from events that may come twice and in any order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bedrock_rft.core.job.job import JobEvent

METRIC_NAMES: Mapping[str, str] = {
    "critic_rewards_mean": "reward",
    "critic_rewards_max": "reward_max",
    "critic_rewards_min": "reward_min",
    "val_score_rewards_mean_1": "held_out_reward",
    "actor_entropy": "entropy",
    "actor_grad_norm": "gradient_norm",
    "actor_pg_loss": "policy_loss",
    "actor_pg_clipfrac": "clip_fraction",
    "actor_kl_loss": "kl",
    "critic_advantages_mean": "advantage",
    "response_length_mean": "response_length",
    "response_aborted_ratio": "aborted_ratio",
}
"""The services' metric names, with every run of other signs as one underscore, and our words for them."""

_SIGNS = re.compile(r"[^a-zA-Z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The metrics of one step, under our words; those that we have no word for keep the service's."""

    step: int
    created_at: float
    values: Mapping[str, float]


@payload("rft.curve")
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a job has reported so far.

    Attributes:
        points: One per step, by step.
        total_steps: Planned steps, 0 while unknown. A job may end earlier.
        last_event_at: When the newest event of any kind was made, epoch seconds; 0 before the first.
        n_error_events: Events of level ``error``.
        error_event_ids: Their ids, so that none is counted twice.
    """

    points: tuple[CurvePoint, ...] = ()
    total_steps: int = 0
    last_event_at: float = 0.0
    error_event_ids: tuple[str, ...] = field(default=())

    def extended(self, events: Iterable[JobEvent]) -> Curve:
        """This curve and what ``events`` add. Order and repetition do not matter; the newest word on a step wins."""
        by_step = {point.step: point for point in self.points}
        total, last, errors = self.total_steps, self.last_event_at, dict.fromkeys(self.error_event_ids)
        for event in events:
            last = max(last, event.created_at)
            total = max(total, event.total_steps or 0)
            if event.level == "error":
                errors[event.event_id] = None
            if event.step is not None and event.metrics:
                _keep_newest(by_step, _point_of(event, event.step))
        points = tuple(by_step[step] for step in sorted(by_step))
        return Curve(points=points, total_steps=total, last_event_at=last, error_event_ids=tuple(sorted(errors)))

    def series(self, metric: str) -> tuple[float, ...]:
        """The metric by step, steps without it left out."""
        return tuple(point.values[metric] for point in self.points if metric in point.values)

    def steps_of(self, metric: str) -> tuple[int, ...]:
        """The steps that have the metric."""
        return tuple(point.step for point in self.points if metric in point.values)

    @property
    def last_step(self) -> int:
        """The latest step reported, 0 before the first."""
        return self.points[-1].step if self.points else 0

    @property
    def seconds_per_step(self) -> float | None:
        """Mean time between steps, ``None`` before there are two."""
        if len(self.points) < 2 or self.points[-1].step == self.points[0].step:
            return None
        first, last = self.points[0], self.points[-1]
        return max(0.0, last.created_at - first.created_at) / (last.step - first.step)


def smoothed(values: tuple[float, ...], window: int) -> tuple[float, ...]:
    """Means of ``window`` neighbours; empty when there are fewer values than that."""
    return tuple(fmean(values[end - window : end]) for end in range(window, len(values) + 1))


def _point_of(event: JobEvent, step: int) -> CurvePoint:
    values = {METRIC_NAMES.get(_SIGNS.sub("_", name), name): value for name, value in event.metrics.items()}
    return CurvePoint(step=step, created_at=event.created_at, values=values)


def _keep_newest(by_step: dict[int, CurvePoint], point: CurvePoint) -> None:
    """A step that was trained again after an interruption is reported again."""
    known = by_step.get(point.step)
    if known is None or (point.created_at, sorted(point.values.items())) >= (
        known.created_at,
        sorted(known.values.items()),
    ):
        by_step[point.step] = point
