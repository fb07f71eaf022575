from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import InvalidScores
from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison, compare
from airflow_provider_bedrock_rft.core.evaluation.power import power_of
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores
from airflow_provider_bedrock_rft.core.evaluation.separation import refuse_overlap

if TYPE_CHECKING:
    from tests.core.evaluation.conftest import Samples


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40
    ),
    seed=st.integers(0, 3),
)
def test_swapping_the_sides_swaps_the_answer(samples: Samples, pairs: list[tuple[float, float]], seed: int) -> None:
    left, right = samples([one for one, _ in pairs]), samples([other for _, other in pairs])
    there = compare(left, right, n_resamples=200, seed=seed)
    back = compare(right, left, n_resamples=200, seed=seed)
    assert (there.n_wins, there.n_losses, there.n_ties) == (back.n_losses, back.n_wins, back.n_ties)
    assert there.p_value == pytest.approx(back.p_worse, abs=0.1)
    if there.difference is not None and back.difference is not None:
        assert there.difference.value == pytest.approx(-back.difference.value)
    assert codec.load(Comparison, codec.dump(there)) == there


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(20)))
def test_the_order_of_samples_does_not_matter(samples: Samples, order: list[int]) -> None:
    left, right = samples([i % 3 / 2 for i in range(20)]), samples([i % 2 for i in range(20)])
    assert compare([left[i] for i in order], right, n_resamples=200) == compare(left, right, n_resamples=200)


def test_completions_of_one_prompt_are_no_independent_evidence(samples: Samples) -> None:
    left = [replace(one, scores=(0.0,) * 50) for one in samples([0] * 6)]
    right = [replace(one, scores=(1.0,) * 25 + (0.0,) * 25) for one in samples([0] * 6)]
    assert compare(left, right).p_value == pytest.approx(2**-6)


def test_groups_widen_the_interval(samples: Samples, random: np.random.Generator) -> None:
    shift = np.repeat(random.normal(0.05, 0.2, 20), 10)
    base = random.random(200)
    names = [f"g{i // 10}" for i in range(200)]
    left, right = samples(base, group=names), samples(base + shift, group=names)
    grouped, alone = compare(left, right), compare(left, right, is_clustered=False)
    assert grouped.difference is not None
    assert alone.difference is not None
    assert grouped.n_clusters == 20
    assert alone.n_clusters == 200
    width = grouped.difference.high - grouped.difference.low
    assert width > 2 * (alone.difference.high - alone.difference.low)
    assert grouped.standard_error > 2 * alone.standard_error


def test_too_few_groups_are_named(samples: Samples) -> None:
    names = ["a", "a", "b", "b"] * 10
    found = compare(samples([0] * 40, group=names), samples([1, 0] * 20, group=names))
    assert found.difference is None
    assert found.too_few is not None
    assert "clusters" in str(found.too_few)


def test_slices_are_adjusted_together(samples: Samples, random: np.random.Generator) -> None:
    base = random.random(200)
    noise = random.normal(0, 0.2, 200)
    noise[:40] -= 0.15
    names = [f"t{i // 40}" for i in range(200)]
    found = compare(samples(base, slices=names), samples(base + noise, slices=names))
    worst = min(found.slices, key=lambda one: one.p_worse)
    assert worst.name == "task=t0"
    assert worst.p_worse <= 0.01
    assert all(one.p_worse > 0.05 for one in found.slices if one is not worst)


def test_the_largest_moves_are_named(samples: Samples) -> None:
    found = compare(samples([0.5] * 10), samples([0.5] * 8 + [0.9, 0.1]))
    assert [(move.sample_id, move.candidate) for move in found.largest_moves] == [("s8", 0.9), ("s9", 0.1)]


def test_growth_needs_both_sides(samples: Samples) -> None:
    left = [replace(one, completion_tokens=100.0 + i % 3, latency_ms=10.0) for i, one in enumerate(samples([1] * 20))]
    right = [replace(one, completion_tokens=120.0 + i % 5) for i, one in enumerate(samples([1] * 20))]
    (growth,) = compare(left, right).growth
    assert growth.what == "completion_tokens"
    assert growth.low < growth.growth < growth.high
    assert growth.growth == pytest.approx(0.21, abs=0.02)


def test_the_fingerprint_is_of_data_and_settings(samples: Samples) -> None:
    left, right = samples([0, 1] * 10), samples([1, 1] * 10)
    assert compare(left, right).content_fingerprint() == compare(left, right).content_fingerprint()
    assert compare(left, right).content_fingerprint() != compare(left, right, seed=1).content_fingerprint()


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_refused(samples: Samples, score: float) -> None:
    with pytest.raises(InvalidScores, match="'s0' of the candidate"):
        compare(samples([0, 1]), samples([score, 1]))


def test_power_rises_with_samples_and_says_how_many_are_missing() -> None:
    small = power_of(target=0.05, standard_error=0.03, n=100, alpha=0.05)
    assert small.at_target < 0.8
    assert small.n_more > 0
    large = power_of(target=0.05, standard_error=0.03 / 10**0.5, n=1000, alpha=0.05)
    assert large.at_target > 0.95
    assert large.n_more == 0
    assert large.detectable < small.detectable
    assert abs(small.n_needed - large.n_needed) <= 2


def test_power_agrees_with_statsmodels() -> None:
    from statsmodels.stats.power import TTestPower

    ours = power_of(target=0.1, standard_error=0.5 / 12, n=144, alpha=0.05)
    theirs = TTestPower().power(effect_size=0.2, nobs=144, alpha=0.05, alternative="larger")
    assert ours.at_target == pytest.approx(theirs, abs=1e-6)
    needed = TTestPower().solve_power(effect_size=0.2, alpha=0.05, power=0.8, alternative="larger")
    assert abs(ours.n_needed - needed) <= 1


def test_what_chose_the_checkpoint_does_not_test_it() -> None:
    def of(*prompts: str) -> list[SampleScores]:
        return [SampleScores(sample_id=f"{i}-{p}", scores=(1.0,), prompt=p) for i, p in enumerate(prompts)]

    refuse_overlap(of("a", "b"), of("c"))
    with pytest.raises(InvalidScores, match="1 samples of the test split were used"):
        refuse_overlap(of("a", "b"), of("c", "b"))


def test_what_only_rounding_tells_apart_is_a_tie(samples: Samples) -> None:
    found = compare(samples([0.3] * 40), samples([0.1 + 0.2] * 40))
    assert found.all_tie
    assert found.p_value == 1.0


def test_a_gain_that_never_varies_still_has_an_interval(samples: Samples) -> None:
    found = compare(samples([0.1, 0.2, 0.3] * 10), samples([0.2, 0.3, 0.4] * 10))
    assert found.difference is not None
    assert found.difference.low < 0.1 - 0.01
    assert found.difference.value == pytest.approx(0.1)


@pytest.mark.parametrize("scale", [1e-300, 1e120])
def test_extreme_scores_break_nothing(samples: Samples, scale: float) -> None:
    found = compare(samples([scale * i / 40 for i in range(40)]), samples([0.0] * 40), n_resamples=200)
    assert found.p_value > 0.5
    assert codec.load(Comparison, codec.dump(found)) == found
