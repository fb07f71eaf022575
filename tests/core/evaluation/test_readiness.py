from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.evaluation.difficulty import Level, difficulties
from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.pass_at_k import pass_at_k, usable_share
from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness, assess, histogram_of
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

if TYPE_CHECKING:
    import numpy as np


def prompts(*groups: tuple[float, ...]) -> list[SampleScores]:
    return [SampleScores(sample_id=f"p{i}", scores=group) for i, group in enumerate(groups)]


SOLVED, MIXED, FAILED = (1.0,) * 4, (1.0, 0.0, 0.0, 1.0), (0.0,) * 4


@given(n=st.integers(1, 9), data=st.data())
def test_pass_at_k_and_usable_share_count_every_subset(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([1] * c + [0] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(any(one) for one in subsets) / len(subsets))
    mixed = sum(0 < sum(one) < k for one in subsets) / len(subsets)
    assert max(0.0, usable_share(n, c, k)) == pytest.approx(mixed) or k == 1


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 0), (4, 1, 5), (4, 5, 1), (4, -1, 1)])
def test_pass_at_k_is_not_defined_everywhere(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="not defined"):
        pass_at_k(n, c, k)


def test_pass_at_k_is_unbiased(random: np.random.Generator) -> None:
    truth = 1 - 0.8**3
    draws = random.binomial(6, 0.2, 4000)
    assert sum(pass_at_k(6, int(c), 3) for c in draws) / 4000 == pytest.approx(truth, abs=0.015)


@pytest.mark.parametrize(
    ("groups", "verdict", "words"),
    [
        ([MIXED] * 60 + [FAILED] * 40, "go", "60.0% of prompts have mixed outcomes"),
        ([SOLVED] * 200, "not-needed", "already earns 100.0%"),
        ([FAILED] * 200, "supervised-first", "supervised fine-tuning first"),
        ([(1.0,) + (0.0,) * 31] * 30 + [(0.0,) * 32] * 170, "no-go", "give partial credit"),
        ([MIXED] * 10 + [FAILED] * 100 + [SOLVED] * 90, "no-go", "filter the dataset by difficulty"),
    ],
)
def test_the_verdict_follows_the_rules(groups: list[tuple[float, ...]], verdict: str, words: str) -> None:
    found = assess(prompts(*groups))
    assert isinstance(found, Readiness)
    assert found.verdict.value == verdict
    assert found.is_certain
    assert words in found.reason
    assert codec.load(Readiness, codec.dump(found)) == found


def test_few_prompts_are_not_certain() -> None:
    found = assess(prompts(*[MIXED] * 5, *[FAILED] * 5))
    assert isinstance(found, Readiness)
    assert found.verdict.value == "go"
    assert not found.is_certain
    assert "not certain" in found.reason


def test_an_interval_over_a_threshold_is_not_certain() -> None:
    found = assess(prompts(*[MIXED] * 11, *[FAILED] * 39))
    assert isinstance(found, Readiness)
    assert not found.is_certain


def test_a_failing_grader_comes_first() -> None:
    found = assess(prompts(*[MIXED] * 50), n_grader_errors=40)
    assert isinstance(found, Readiness)
    assert found.verdict.value == "no-go"
    assert "mend it first" in found.reason


def test_truncation_is_named() -> None:
    found = assess(prompts(*[MIXED] * 50), n_truncated=100)
    assert isinstance(found, Readiness)
    assert "raise max_tokens" in found.reason


def test_numbers_of_the_answer() -> None:
    found = assess(prompts(*[MIXED] * 30, *[SOLVED] * 10, *[FAILED] * 10))
    assert isinstance(found, Readiness)
    assert found.usable.value == pytest.approx(0.6)
    assert found.wasted_rollouts == pytest.approx(0.4)
    assert found.pass_at_1.value == pytest.approx(0.5)
    assert found.pass_at_k.value == pytest.approx(0.8)
    assert found.levels == {"solved": 10, "teaches": 30, "flat": 0, "failed": 10}
    assert sum(count for _, count in found.histogram) == 200


def test_single_completions_say_nothing_about_groups() -> None:
    with pytest.raises(InvalidInput, match="single completion"):
        assess(prompts((1.0,), (0.0,)))


def test_prompts_without_scores_are_too_few() -> None:
    assert isinstance(assess(prompts((), ())), TooFewSamples)


def test_difficulty_tells_what_teaches() -> None:
    found = list(difficulties(prompts(SOLVED, MIXED, FAILED, (0.3, 0.3), ())))
    assert [one.level for one in found] == [Level.SOLVED, Level.TEACHES, Level.FAILED, Level.FLAT]
    assert found[1].deviation == pytest.approx(0.5)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50))
def test_a_histogram_loses_nothing(scores: list[float]) -> None:
    found = histogram_of(scores)
    assert sum(count for _, count in found) == len(scores)
    assert math.isclose(found[-1][0], max(scores), abs_tol=1e-9)
