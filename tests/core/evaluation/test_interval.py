from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from airflow_provider_bedrock_rft.core.evaluation import interval
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate, TooFewSamples

finite = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 17)])
def test_wilson_is_statsmodels_wilson(k: int, n: int) -> None:
    found = interval.proportion(k, n)
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, method="wilson"))


@pytest.mark.parametrize(
    "found",
    [
        interval.proportion(0, 0),
        interval.mean([]),
        interval.mean([1.0]),
        interval.bootstrap_mean([1.0]),
        interval.paired_proportions(1, 0, 1),
        interval.clustered_mean([1.0, 2.0, 3.0], ["a", "a", "b"]),
    ],
)
def test_too_little_data_is_an_answer_of_its_own(found: object) -> None:
    assert isinstance(found, TooFewSamples)
    assert found.needed > found.n
    assert "needed" in str(found)


def test_a_bootstrap_of_nothing_is_too_few() -> None:
    assert isinstance(interval.bootstrap_mean([]), TooFewSamples)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(finite, min_size=2, max_size=60), seed=st.integers(0, 10))
def test_every_interval_holds_its_estimate_and_nothing_is_nan(values: list[float], seed: int) -> None:
    for found in (
        interval.mean(values),
        interval.bootstrap_mean(values, n_resamples=200, seed=seed),
        interval.clustered_mean(values, [f"g{i % 7}" for i in range(len(values))]),
    ):
        if isinstance(found, Estimate):
            assert math.isfinite(found.low)
            assert math.isfinite(found.high)
            assert found.low <= found.value + 1e-9
            assert found.value <= found.high + 1e-9


@given(n=st.integers(2, 300), data=st.data())
def test_paired_proportions_hold_their_estimate(n: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - wins))
    found = interval.paired_proportions(wins, losses, n)
    assert isinstance(found, Estimate)
    assert -1 <= found.low < found.high <= 1


def test_a_seed_gives_the_same_interval_again() -> None:
    values = list(np.random.default_rng(0).normal(size=50))
    assert interval.bootstrap_mean(values, seed=5) == interval.bootstrap_mean(values, seed=5)
    assert interval.bootstrap_mean(values, seed=5) != interval.bootstrap_mean(values, seed=6)


def test_values_without_spread_still_have_an_interval() -> None:
    found = interval.bootstrap_mean([0.0] * 50)
    assert isinstance(found, Estimate)
    assert found.low < 0 < found.high
    narrower = interval.bootstrap_mean([0.0] * 500)
    assert isinstance(narrower, Estimate)
    assert narrower.high < found.high


def test_singletons_as_clusters_are_nearly_the_t_interval() -> None:
    values = list(np.random.default_rng(0).normal(size=200))
    robust, plain = interval.clustered_mean(values, [str(i) for i in range(200)]), interval.mean(values)
    assert isinstance(robust, Estimate)
    assert isinstance(plain, Estimate)
    assert robust.high == pytest.approx(plain.high, rel=0.02)


def test_bca_is_scipys() -> None:
    values = np.random.default_rng(0).exponential(size=40)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=2000, method="BCa", batch=32, rng=np.random.default_rng(3))
    ours = interval.bootstrap_mean(list(values), n_resamples=2000, seed=3)
    assert isinstance(ours, Estimate)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval))
