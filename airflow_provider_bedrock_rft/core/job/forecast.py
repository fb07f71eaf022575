"""What a job will do, before it is paid for.

Steps, completions and checkpoints follow from the plane's constants (for Mantle these are inferred from one published
run, so they are arguments); time and cost come from the project's own earlier runs and the user's price list, with an
interval, or not at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.job.spec import RftHyperparameters

_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Two-sided 95 % points of Student's t for 1 to 10 degrees of freedom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneConstants:
    """How a plane trains. The defaults are Mantle's, as inferred from AWS's published gpt-oss run.

    Attributes:
        train_share: Share of the records that is trained on; the rest is held out by the service.
        samples_per_prompt: Completions per prompt and step.
        checkpoint_steps: Steps between checkpoints; the last step always has one.
        n_epochs: When the hyper-parameter is left to the service.
        batch_size: When the hyper-parameter is left to the service.
        completions_per_call: Completions in one call of the grader.
    """

    train_share: float = 0.9
    samples_per_prompt: int = 8
    checkpoint_steps: int = 20
    n_epochs: int = 1
    batch_size: int = 4
    completions_per_call: int = 1


NATIVE = PlaneConstants(train_share=1.0, batch_size=128)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """How long an earlier job of the same model took."""

    n_steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A quantity with the interval that 95 % of further runs should fall into."""

    expected: float
    low: float
    high: float
    n_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a job will do.

    Attributes:
        n_steps: Optimiser steps, at most: early stopping may end it sooner.
        n_checkpoints: Checkpoints it leaves behind.
        n_completions: Completions sampled and graded.
        n_grader_calls: Calls of the grader Lambda.
        max_completion_tokens: Upper bound of the tokens sampled, ``None`` where no limit is set.
        seconds: Duration, ``None`` with fewer than two earlier runs.
        cost: In the currency of the price, ``None`` without a price or a duration.
    """

    n_steps: int
    n_checkpoints: int
    n_completions: int
    n_grader_calls: int
    max_completion_tokens: int | None = None
    seconds: Range | None = None
    cost: Range | None = None


def forecast_job(
    given: RftHyperparameters,
    *,
    n_records: int,
    plane: PlaneConstants,
    past: Sequence[PastRun] = (),
    price_per_hour: float | None = None,
) -> Forecast:
    """The forecast for a job with these hyper-parameters on that many records."""
    batch = given.batch_size or plane.batch_size
    per_prompt = given.samples_per_prompt or plane.samples_per_prompt
    n_steps = (given.n_epochs or plane.n_epochs) * (math.floor(plane.train_share * n_records) // batch)
    n_completions = n_steps * batch * per_prompt
    seconds = _duration(n_steps, past)
    return Forecast(
        n_steps=n_steps,
        n_checkpoints=math.ceil(n_steps / plane.checkpoint_steps),
        n_completions=n_completions,
        n_grader_calls=math.ceil(n_completions / plane.completions_per_call),
        max_completion_tokens=given.max_completion_tokens and n_completions * given.max_completion_tokens,
        seconds=seconds,
        cost=_scaled(seconds, price_per_hour / 3600.0) if seconds and price_per_hour else None,
    )


def _duration(n_steps: int, past: Sequence[PastRun]) -> Range | None:
    """A prediction interval for one more run, from the earlier runs' seconds per step."""
    rates = [run.seconds / run.n_steps for run in past if run.n_steps > 0]
    if len(rates) < 2 or n_steps == 0:
        return None
    rate, freedom = fmean(rates), len(rates) - 1
    t = _T_95[freedom - 1] if freedom <= len(_T_95) else 2.0
    reach = t * stdev(rates) * math.sqrt(1 + 1 / len(rates))
    return _scaled(Range(expected=rate, low=max(0.0, rate - reach), high=rate + reach, n_runs=len(rates)), n_steps)


def _scaled(quantity: Range, factor: float) -> Range:
    return Range(
        expected=quantity.expected * factor,
        low=quantity.low * factor,
        high=quantity.high * factor,
        n_runs=quantity.n_runs,
    )
