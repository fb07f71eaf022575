from __future__ import annotations

import statistics
from random import Random

import pytest

from airflow_provider_bedrock_rft.core.job.forecast import NATIVE, PastRun, PlaneConstants, forecast_job
from airflow_provider_bedrock_rft.core.job.spec import RftHyperparameters

MANTLE = PlaneConstants()


def test_awss_published_run_is_foreseen() -> None:
    """300 records, batches of 4, one epoch: 67 steps and 4 checkpoints."""
    forecast = forecast_job(RftHyperparameters(n_epochs=1, batch_size=4), n_records=300, plane=MANTLE)
    assert (forecast.n_steps, forecast.n_checkpoints) == (67, 4)
    assert forecast.n_completions == 67 * 4 * 8
    assert forecast.seconds is None
    assert forecast.cost is None


def test_hyperparameters_win_over_the_planes_constants() -> None:
    given = RftHyperparameters(n_epochs=2, batch_size=64, samples_per_prompt=4, max_completion_tokens=100)
    forecast = forecast_job(given, n_records=1000, plane=NATIVE)
    assert forecast.n_steps == 2 * (1000 // 64)
    assert forecast.n_completions == forecast.n_steps * 64 * 4
    assert forecast.max_completion_tokens == forecast.n_completions * 100


def test_calls_of_the_grader() -> None:
    plane = PlaneConstants(completions_per_call=32)
    forecast = forecast_job(RftHyperparameters(), n_records=300, plane=plane)
    assert forecast.n_grader_calls == 67


def test_one_earlier_run_is_too_little_for_a_duration() -> None:
    forecast = forecast_job(RftHyperparameters(), n_records=300, plane=MANTLE, past=[PastRun(n_steps=10, seconds=100)])
    assert forecast.seconds is None


def test_too_few_records_make_no_step() -> None:
    past = [PastRun(n_steps=1, seconds=1)] * 3
    forecast = forecast_job(RftHyperparameters(), n_records=3, plane=MANTLE, past=past)
    assert (forecast.n_steps, forecast.n_checkpoints, forecast.seconds) == (0, 0, None)


def test_cost_follows_duration() -> None:
    past = [PastRun(n_steps=10, seconds=100), PastRun(n_steps=10, seconds=120)]
    forecast = forecast_job(RftHyperparameters(), n_records=300, plane=MANTLE, past=past, price_per_hour=36.0)
    assert forecast.seconds
    assert forecast.cost
    assert forecast.seconds.expected == pytest.approx(67 * 11)
    assert forecast.cost.expected == pytest.approx(67 * 11 / 100)
    assert forecast.seconds.low < forecast.seconds.expected < forecast.seconds.high
    assert forecast.seconds.n_runs == 2


@pytest.mark.parametrize("n_past", [2, 3, 5, 11])
def test_the_interval_covers_the_next_run(n_past: int) -> None:
    random = Random(n_past)
    covered = []
    for _ in range(3000):
        runs = [PastRun(n_steps=10, seconds=10 * random.gauss(60, 5)) for _ in range(n_past + 1)]
        forecast = forecast_job(RftHyperparameters(), n_records=300, plane=MANTLE, past=runs[1:])
        assert forecast.seconds
        covered.append(forecast.seconds.low <= runs[0].seconds / 10 * 67 <= forecast.seconds.high)
    assert 0.935 < statistics.fmean(covered) < 0.97
