"""A job's curves as the page draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.job.curve import smoothed
from airflow_provider_bedrock_rft.core.job.diagnosis import Observation, diagnose
from airflow_provider_bedrock_rft.core.job.status import outcome_of
from airflow_provider_bedrock_rft.plugin.facts import Note

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
    from airflow_provider_bedrock_rft.core.job.curve import Curve
    from airflow_provider_bedrock_rft.core.job.job import Job

MAX_METRICS = 24
LABELS = {
    "reward": "Reward",
    "reward_max": "Highest reward",
    "reward_min": "Lowest reward",
    "held_out_reward": "Held-out reward",
    "entropy": "Entropy",
    "gradient_norm": "Gradient norm",
    "response_length": "Response length, tokens",
    "policy_loss": "Policy loss",
    "kl": "KL divergence",
    "clip_fraction": "Clipped share",
    "advantage": "Advantage",
    "aborted_ratio": "Aborted share",
}
"""Our words → headings, in the order of the page; what we have no word for comes after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric: ``points`` are step and value, fewer than the ``n_steps`` reported where those are many."""

    name: str
    label: str
    points: Sequence[tuple[int, float]]
    n_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at a step: a checkpoint, or a finding."""

    step: int
    kind: str
    title: str
    text: str
    action: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """What is known of a job.

    Attributes:
        job_id: The job.
        status: The service's word.
        is_running: True while it may report more.
        last_step: Latest step reported.
        total_steps: Steps planned, 0 while unknown.
        seconds_left: Until the last step at the present pace, ``None`` while unknown.
        model: Base model.
        tuned_model: The result, empty until there is one.
        started_at: When it was created.
        ended_at: When it ended.
        hyperparameters: As the service reports them.
        series: By metric.
        checkpoints: By step.
        findings: Of the diagnosis.
        notes: What cannot be shown, and why.
    """

    job_id: str
    status: str
    is_running: bool
    last_step: int
    total_steps: int
    seconds_left: float | None
    model: str
    tuned_model: str
    started_at: float
    ended_at: float | None
    hyperparameters: dict[str, str] = field(default_factory=dict)
    series: Sequence[Series] = ()
    checkpoints: Sequence[Mark] = ()
    findings: Sequence[Mark] = ()
    notes: Sequence[Note] = ()


def curve_view(
    job: Job,
    curve: Curve,
    checkpoints: Sequence[Checkpoint],
    *,
    now: float,
    max_points: int = 600,
    steps: tuple[int, int] | None = None,
) -> CurveView:
    """The view of a job, with at most about ``max_points`` points per metric, between two ``steps``."""
    first, last = steps or (0, curve.last_step)
    is_running, notes = _running(job)
    seen = Observation(curve=curve, now=now if is_running else 0.0)
    return CurveView(
        job_id=job.job_id,
        status=job.status,
        is_running=is_running,
        last_step=curve.last_step,
        total_steps=curve.total_steps,
        seconds_left=_seconds_left(curve) if is_running else None,
        model=job.model,
        tuned_model=job.tuned_model,
        started_at=job.created_at,
        ended_at=job.finished_at,
        hyperparameters={name: str(value) for name, value in job.hyperparameters.items()},
        series=tuple(_drawn(one, first, last, max_points) for one in _all_series(curve)),
        checkpoints=tuple(_checkpoint(one) for one in sorted(checkpoints, key=lambda one: one.step)),
        findings=tuple(
            Mark(step=one.step, kind=one.severity.value, title=one.code.value, text=one.message, action=one.action)
            for one in diagnose(seen)
        ),
        notes=notes,
    )


def thinned(points: Sequence[tuple[int, float]], max_points: int) -> tuple[tuple[int, float], ...]:
    """At most about ``max_points`` of the points, with the lowest and the highest of every stretch among them.

    A spike of one step stays to be seen, and the first and last points stay where they are.
    """
    if len(points) <= max(4, max_points):
        return tuple(points)
    n_stretches = max(1, (max_points - 2) // 2)
    inner = points[1:-1]
    bounds = [len(inner) * part // n_stretches for part in range(n_stretches + 1)]
    kept = {0, len(points) - 1}
    for start, end in pairwise(bounds):
        stretch = range(start, end)
        kept |= {1 + min(stretch, key=lambda at: inner[at][1]), 1 + max(stretch, key=lambda at: inner[at][1])}
    return tuple(points[at] for at in sorted(kept))


def _running(job: Job) -> tuple[bool, tuple[Note, ...]]:
    try:
        outcome = outcome_of(job.status)
    except RftError as error:
        return False, (Note(severity="warning", text=error.message, action=error.action),)
    if job.error_message:
        return outcome is None, (Note(severity="error", text=f"The service says: {job.error_message}"),)
    return outcome is None, ()


def _metrics(curve: Curve) -> list[str]:
    found = {name for point in curve.points for name in point.values}
    known = [name for name in LABELS if name in found]
    return [*known, *sorted(found - LABELS.keys())][:MAX_METRICS]


def _all_series(curve: Curve) -> Iterator[Series]:
    yield from _trend(curve)
    for name in _metrics(curve):
        points = tuple(
            (point.step, value)
            for point in curve.points
            if (value := point.values.get(name)) is not None and abs(value) < float("inf")
        )
        yield Series(name=name, label=LABELS.get(name, name), points=points, n_steps=len(points))


def _drawn(series: Series, first: int, last: int, max_points: int) -> Series:
    inside = [(step, value) for step, value in series.points if first <= step <= last and abs(value) < float("inf")]
    return replace(series, points=thinned(inside, max_points) if inside else ())


def _trend(curve: Curve) -> Iterator[Series]:
    """The mean reward of neighbouring steps, for single steps are noisy: a step sees few prompts; and their spread."""
    rewards = curve.series("reward")
    window = max(5, len(rewards) // 15)
    means = smoothed(rewards, window)
    if len(means) < window:
        return
    steps = curve.steps_of("reward")[window - 1 :]
    squares = smoothed(tuple(reward * reward for reward in rewards), window)
    spreads = [max(0.0, square - mean * mean) ** 0.5 for square, mean in zip(squares, means, strict=True)]
    label = f"Mean of {window} steps"
    drawn = {
        "reward_trend": (label, means),
        "reward_low": (f"{label} less their spread", [mean - wide for mean, wide in zip(means, spreads, strict=True)]),
        "reward_high": (f"{label} and their spread", [mean + wide for mean, wide in zip(means, spreads, strict=True)]),
    }
    for name, (told, values) in drawn.items():
        points = tuple(zip(steps, values, strict=True))
        yield Series(name=name, label=told, points=points, n_steps=len(points))


def _checkpoint(one: Checkpoint) -> Mark:
    return Mark(step=one.step, kind="checkpoint", title=one.checkpoint_id, text=one.model, at=one.created_at)


def _seconds_left(curve: Curve) -> float | None:
    pace = curve.seconds_per_step
    if pace is None or not curve.total_steps:
        return None
    return max(0, curve.total_steps - curve.last_step) * pace
