"""The year's promise: the chance of ever promoting noise stays below what the policy says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from airflow_provider_bedrock_rft.core.promotion.ledger import LedgerEntry, next_entry, planned_alpha, year_of
from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy


def year(p_values: list[float], *, risk: float = 0.1, runs: int = 52) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for i, p_value in enumerate(p_values):
        entries.append(
            next_entry(
                entries,
                policy_risk=risk,
                runs_per_year=runs,
                test_id=f"run-{i}",
                comparison=str(i),
                p_value=p_value,
                at=0.0,
            )
        )
    return entries


def mcnemar_p_values(wins: np.ndarray, losses: np.ndarray) -> np.ndarray:
    return np.where(wins + losses > 0, binom.sf(wins - 1, wins + losses, 0.5), 1.0)


def test_a_year_of_weekly_null_runs_stays_below_the_promise() -> None:
    """500 simulated years of 52 runs of 300 samples, 5 % flips each way: nothing ever gets better."""
    random = np.random.default_rng(7)
    draws = random.multinomial(300, [0.05, 0.05, 0.9], size=(500, 52))
    p_values = mcnemar_p_values(draws[..., 0], draws[..., 1])
    years = [any(entry.found_something for entry in year(list(row))) for row in p_values]
    assert np.mean(years) <= 0.1
    assert np.mean((p_values <= 0.05).any(axis=1)) > 0.6


def test_continuous_p_values_use_the_promise_up() -> None:
    random = np.random.default_rng(8)
    years = [any(entry.found_something for entry in year(list(random.random(52)))) for _ in range(2000)]
    assert 0.075 <= np.mean(years) <= 0.12


def test_true_gains_are_still_found() -> None:
    """+6 points at n = 800 is promoted in nearly every run, in spite of the year's bound."""
    random = np.random.default_rng(9)
    draws = random.multinomial(800, [0.09, 0.03, 0.88], size=200)
    found = mcnemar_p_values(draws[:, 0], draws[:, 1]) <= planned_alpha(PromotionPolicy(yearly_risk=0.1))
    assert np.mean(found) >= 0.9


def test_a_find_hands_its_level_on() -> None:
    entries = year([0.0001, 0.003, 0.5, 0.5])
    share = 0.1 / 52
    assert [entry.alpha for entry in entries] == pytest.approx([share, 2 * share, 3 * share, share])


def test_more_runs_than_planned_have_nothing_left() -> None:
    entries = year([1.0] * 6, runs=4)
    assert [entry.alpha > 0 for entry in entries] == [True] * 4 + [False] * 2


@given(p_values=st.lists(st.floats(0, 1), max_size=80), risk=st.floats(0.001, 0.5), runs=st.integers(1, 60))
def test_no_year_spends_more_than_its_risk(p_values: list[float], risk: float, runs: int) -> None:
    entries = year(p_values, risk=risk, runs=runs)
    assert sum(entry.fresh for entry in entries) <= risk * (1 + 1e-9)
    assert [entry.number for entry in entries] == list(range(1, len(p_values) + 1))
    for before, after in itertools.pairwise(entries):
        handed_on = before.alpha if before.found_something else 0.0
        assert after.alpha == pytest.approx(after.fresh + handed_on)


def test_years_are_calendar_years() -> None:
    assert year_of(0.0) == "1970"
    assert year_of(1_798_761_599.0) == "2026"
    assert year_of(1_798_761_600.0) == "2027"
