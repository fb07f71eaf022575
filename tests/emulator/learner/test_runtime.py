from __future__ import annotations

import numpy as np
import pytest

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
from airflow_provider_bedrock_rft.emulator.learner.runtime import answer
from airflow_provider_bedrock_rft.emulator.learner.weights import MalformedWeights, dump_weights

ASKED = [
    {"role": "user", "content": "Ada has 3 pens. Ben gives Ada 4 more pens. How many pens does Ada have altogether?"}
]


def test_equal_arguments_give_equal_answers() -> None:
    several = {answer(None, ASKED, temperature=1.0, seed=seed, max_tokens=None).text for seed in range(20)}
    assert len(several) > 3
    for temperature in (0.0, 0.7):
        first = answer(None, ASKED, temperature=temperature, seed=5, max_tokens=None)
        assert first == answer(None, ASKED, temperature=temperature, seed=5, max_tokens=None)


def test_greedy_answers_do_not_depend_on_the_seed() -> None:
    assert len({answer(None, ASKED, temperature=0.0, seed=seed, max_tokens=None) for seed in range(5)}) == 1


def test_the_base_does_an_easy_sum() -> None:
    found = answer(None, ASKED, temperature=0.0, seed=0, max_tokens=None)
    assert "7" in found.text
    assert found.finish_reason == "stop"
    assert found.prompt_tokens > 15
    assert found.completion_tokens > 0


def test_an_answer_cut_short_says_so() -> None:
    found = answer(None, ASKED, temperature=0.0, seed=0, max_tokens=1)
    assert (found.finish_reason, found.completion_tokens) == ("length", 1) or found.text == "7"


def test_weights_make_the_model() -> None:
    packed = dump_weights(base_weights())
    same = answer(packed, ASKED, temperature=0.0, seed=0, max_tokens=None)
    assert same == answer(None, ASKED, temperature=0.0, seed=0, max_tokens=None)
    other = dump_weights(np.random.default_rng(0).normal(size=base_weights().size).astype(np.float32))
    assert answer(other, ASKED, temperature=0.0, seed=0, max_tokens=None) != same
    with pytest.raises(MalformedWeights):
        answer(b"nonsense", ASKED, temperature=0.0, seed=0, max_tokens=None)


def test_a_huge_prompt_is_counted_whole_and_read_in_part() -> None:
    found = answer(None, [{"role": "user", "content": "word " * 40_000}], temperature=0.0, seed=0, max_tokens=50)
    assert found.prompt_tokens == 40_000
    assert found.completion_tokens <= 50


def test_many_samples_of_one_prompt_stay_small_and_repeatable() -> None:
    first = [answer(None, ASKED, temperature=1.5, seed=seed, max_tokens=None) for seed in range(300)]
    assert first == [answer(None, ASKED, temperature=1.5, seed=seed, max_tokens=None) for seed in range(300)]
