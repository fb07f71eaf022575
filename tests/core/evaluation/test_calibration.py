"""Do the promises hold? Seeded simulations: intervals cover, tests err as rarely as they say, power is what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from airflow_provider_bedrock_rft.core.evaluation import interval
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
from airflow_provider_bedrock_rft.core.evaluation.paired import compare
from airflow_provider_bedrock_rft.core.evaluation.power import power_of
from airflow_provider_bedrock_rft.core.evaluation.significance import mcnemar, sign_flip

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.evaluation.conftest import Samples


def coverage(truth: float, n_runs: int, draw: Callable[[], object]) -> float:
    found = [draw() for _ in range(n_runs)]
    return float(np.mean([isinstance(one, Estimate) and one.low <= truth <= one.high for one in found]))


def test_wilson_covers(random: np.random.Generator) -> None:
    assert 0.93 <= coverage(0.1, 1000, lambda: interval.proportion(int(random.binomial(80, 0.1)), 80)) <= 0.98


def test_t_covers(random: np.random.Generator) -> None:
    assert 0.93 <= coverage(0.0, 1000, lambda: interval.mean(list(random.normal(0, 1, 15)))) <= 0.97


def test_bca_covers_skewed_differences(random: np.random.Generator) -> None:
    def draw() -> object:
        return interval.bootstrap_mean(list(random.exponential(1, 60)), n_resamples=999, seed=1)

    assert 0.91 <= coverage(1.0, 400, draw) <= 0.98


@pytest.mark.parametrize(("better", "worse"), [(0.10, 0.05), (0.02, 0.02), (0.3, 0.1)])
def test_bonett_price_covers(random: np.random.Generator, better: float, worse: float) -> None:
    def draw() -> object:
        wins, losses, _ = random.multinomial(120, [better, worse, 1 - better - worse])
        return interval.paired_proportions(int(wins), int(losses), 120)

    assert 0.93 <= coverage(better - worse, 1000, draw) <= 0.995


def test_clustered_errors_cover_where_naive_ones_do_not(random: np.random.Generator) -> None:
    names = [f"g{i // 10}" for i in range(300)]

    def values() -> list[float]:
        return list(np.repeat(random.normal(0, 1, 30), 10) + random.normal(0, 0.5, 300))

    assert 0.92 <= coverage(0.0, 300, lambda: interval.clustered_mean(values(), names)) <= 0.98
    assert coverage(0.0, 300, lambda: interval.mean(values())) < 0.7


def test_mcnemar_errs_at_most_as_often_as_it_says(random: np.random.Generator) -> None:
    p_values = [mcnemar(*map(int, random.multinomial(200, [0.05, 0.05, 0.9])[:2])) for _ in range(2000)]
    assert 0.005 <= np.mean(np.array(p_values) <= 0.05) <= 0.05


def test_sign_flips_err_as_often_as_they_say(random: np.random.Generator) -> None:
    p_values = [sign_flip(list(random.normal(0, 1, 40)), n_resamples=400, seed=i)[0] for i in range(1000)]
    assert 0.035 <= np.mean(np.array(p_values) <= 0.05) <= 0.065


def test_better_on_paper_promotes_noise_nearly_half_of_the_time(random: np.random.Generator) -> None:
    """Why there is a test at all."""
    draws = random.multinomial(300, [0.05, 0.05, 0.9], size=2000)
    assert 0.38 <= np.mean(draws[:, 0] > draws[:, 1]) <= 0.5
    assert np.mean([mcnemar(int(wins), int(losses)) <= 0.05 for wins, losses, _ in draws]) <= 0.05


def test_power_is_what_it_says(samples: Samples, random: np.random.Generator) -> None:
    """Base 0.70, 3 % regressions, +5 points, n = 300: a paired test finds it about 82 % of the time."""
    n, found = 300, []
    comparison = None
    for _ in range(300):
        base = random.random(n) < 0.7
        draw = random.random(n)
        tuned = np.where(base, draw >= 0.03 / 0.7, draw < 0.08 / 0.3)
        comparison = compare(samples(base), samples(tuned))
        found.append(comparison.p_value <= 0.05)
    assert comparison is not None
    stated = power_of(target=0.05, standard_error=np.sqrt(0.11 - 0.0025) / np.sqrt(n), n=n, alpha=0.05).at_target
    assert abs(np.mean(found) - stated) <= 0.07
    assert 0.75 <= np.mean(found) <= 0.9


def test_the_best_of_four_checkpoints_looks_better_than_it_is(random: np.random.Generator) -> None:
    """Why the choice and the test look at different samples."""
    scores = random.binomial(100, 0.7, size=(2000, 4)) / 100
    assert scores.max(axis=1).mean() - 0.7 > 0.03
