from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar

from airflow_provider_bedrock_rft.core.evaluation.multiplicity import benjamini_hochberg, holm
from airflow_provider_bedrock_rft.core.evaluation.significance import mcnemar, sign_flip


@pytest.mark.parametrize(("wins", "losses"), [(9, 2), (30, 12), (5, 0)])
def test_mcnemar_is_half_of_statsmodels_two_sided(wins: int, losses: int) -> None:
    theirs = their_mcnemar(np.array([[50, losses], [wins, 50]]), exact=True).pvalue
    assert 2 * mcnemar(wins, losses) == pytest.approx(theirs)


def test_without_a_discordant_pair_nothing_is_shown() -> None:
    assert mcnemar(0, 0) == 1.0
    assert sign_flip([0.0] * 10) == (1.0, 1.0)
    assert sign_flip([]) == (1.0, 1.0)


def test_few_pairs_are_enumerated() -> None:
    values = [0.3, 0.1, -0.2, 0.5, 0.4]
    theirs = stats.permutation_test(
        (np.array(values),), np.mean, permutation_type="samples", alternative="greater", n_resamples=10_000
    )
    assert sign_flip(values)[0] == pytest.approx(theirs.pvalue)


def test_many_pairs_agree_with_scipy() -> None:
    values = np.random.default_rng(2).normal(0.1, 1, 100)
    theirs = stats.permutation_test(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        vectorized=True,
        permutation_type="samples",
        alternative="greater",
        n_resamples=4000,
        rng=np.random.default_rng(1),
    )
    assert sign_flip(list(values), n_resamples=4000)[0] == pytest.approx(theirs.pvalue, abs=0.03)


@settings(deadline=None)
@given(values=st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=40), seed=st.integers(0, 5))
def test_p_values_are_chances_and_the_two_sides_cover_everything(values: list[float], seed: int) -> None:
    better, worse = sign_flip(values, n_resamples=300, seed=seed)
    assert 0 < better <= 1
    assert 0 < worse <= 1
    assert better + worse >= 1


@settings(deadline=None)
@given(wins=st.integers(0, 13), losses=st.integers(0, 13))
def test_on_binary_scores_flips_agree_with_mcnemar(wins: int, losses: int) -> None:
    flips = sign_flip([1.0] * wins + [-1.0] * losses, n_resamples=3000)[0]
    assert flips == pytest.approx(mcnemar(wins, losses), abs=0.05)


def test_a_p_value_is_never_zero() -> None:
    assert sign_flip([1.0] * 200, n_resamples=999) == pytest.approx((1 / 1000, 1.0))


def test_holm_and_benjamini_hochberg_adjust() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.04, 0.04))
    assert holm([0.2]) == (0.2,)
    assert holm([]) == ()
