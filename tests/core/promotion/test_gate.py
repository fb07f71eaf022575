from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import InvalidPolicy
from airflow_provider_bedrock_rft.core.promotion.decision import Decision
from airflow_provider_bedrock_rft.core.promotion.gate import judge
from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy

if TYPE_CHECKING:
    from tests.core.promotion.conftest import Compared


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_a_better_candidate_is_promoted(compared: Compared) -> None:
    decision = judge(compared(40, 5, 155), PromotionPolicy())
    assert decision.verdict.value == "promote"
    assert codes(decision) == ["better"]
    assert not decision.needs_approval
    assert decision.summary.startswith("promote: The candidate is better: +0.175")
    assert codec.load(Decision, codec.dump(decision)) == decision


def test_noise_is_held_with_the_samples_it_would_take(compared: Compared) -> None:
    decision = judge(compared(12, 8, 80), PromotionPolicy())
    assert codes(decision) == ["not-significant"]
    assert "more samples would make it 80%" in decision.reasons[0].text


def test_a_worse_candidate_is_rejected(compared: Compared) -> None:
    assert codes(judge(compared(5, 40, 155), PromotionPolicy())) == ["worse"]


def test_all_ties_are_held(compared: Compared) -> None:
    assert codes(judge(compared(0, 0, 100), PromotionPolicy())) == ["all-ties"]


def test_few_samples_are_held_however_good(compared: Compared) -> None:
    decision = judge(compared(20, 0, 0), PromotionPolicy())
    assert decision.verdict.value == "hold"
    assert codes(decision) == ["too-few-samples", "better"]


def test_a_gain_below_the_minimum_is_held(compared: Compared) -> None:
    assert codes(judge(compared(60, 20, 920), PromotionPolicy(minimum_gain=0.05))) == ["gain-too-small"]


def test_a_protected_slice_that_is_lost_rejects(compared: Compared) -> None:
    slices = ["easy"] * 100 + ["hard"] * 60 + ["easy"] * 240
    decision = judge(
        compared(100, 60, 240, slices=slices), PromotionPolicy(slice_margins={"task=hard": 0.05, "*": 0.05})
    )
    assert decision.verdict.value == "reject"
    assert codes(decision) == ["slice-inferior", "better"]


def test_a_protected_slice_must_be_shown_not_to_lose(compared: Compared) -> None:
    slices = ["easy"] * 140 + ["hard"] * 40 + ["easy"] * 20
    comparison = compared(50, 0, 150, slices=slices)
    assert codes(judge(comparison, PromotionPolicy(slice_margins={"task=hard": 0.01})))[0] == "slice-unsure"
    assert codes(judge(comparison, PromotionPolicy(slice_margins={"task=hard": 0.1}))) == ["better"]


def test_protected_slices_must_be_there_and_large_enough(compared: Compared) -> None:
    slices = ["tiny"] * 3 + ["rest"] * 197
    comparison = compared(50, 0, 150, slices=slices)
    found = codes(judge(comparison, PromotionPolicy(slice_margins={"task=tiny": 0.1, "task=gone": 0.1})))
    assert found == ["slice-absent", "slice-too-small", "better"]


def test_an_unnamed_slice_that_is_clearly_worse_holds(compared: Compared) -> None:
    slices = ["a"] * 100 + ["b"] * 20 + ["a"] * 80
    assert codes(judge(compared(100, 20, 80, slices=slices), PromotionPolicy())) == ["slice-worse", "better"]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [((100, 105), ["better"]), ((100, 150), ["completion_tokens-grew", "better"])],
)
def test_growth_is_limited(compared: Compared, tokens: tuple[float, float], expected: list[str]) -> None:
    policy = PromotionPolicy(max_growth={"completion_tokens": 0.1})
    assert codes(judge(compared(40, 5, 155, tokens=tokens), policy)) == expected


def test_growth_that_nobody_measured_holds(compared: Compared) -> None:
    assert (
        codes(judge(compared(40, 5, 155), PromotionPolicy(max_growth={"latency_ms": 0.1})))[0] == "latency_ms-unknown"
    )


def test_a_training_reward_far_above_the_held_out_score_rejects(compared: Compared) -> None:
    policy = PromotionPolicy(max_reward_gap=0.1)
    comparison = compared(100, 20, 80)  # candidate 0.9
    assert codes(judge(comparison, policy, training_reward=0.95)) == ["better"]
    assert codes(judge(comparison, PromotionPolicy(max_reward_gap=0.01), training_reward=1.0)) == [
        "reward-gap",
        "better",
    ]
    assert codes(judge(comparison, policy)) == ["reward-unknown", "better"]


def test_approval_is_asked_for_promotions_only(compared: Compared) -> None:
    policy = PromotionPolicy(requires_approval=True)
    assert judge(compared(40, 5, 155), policy).needs_approval
    assert not judge(compared(5, 40, 155), policy).needs_approval


def test_no_alpha_left_holds(compared: Compared) -> None:
    decision = judge(compared(60, 20, 120), PromotionPolicy(), alpha=0.0)
    assert "error budget of this year is spent" in decision.reasons[0].text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wins=st.integers(0, 60),
    losses=st.integers(0, 60),
    ties=st.integers(0, 60),
    alpha=st.sampled_from([0.0, 0.01, 0.05]),
)
def test_no_promotion_without_evidence(compared: Compared, wins: int, losses: int, ties: int, alpha: float) -> None:
    if wins + losses + ties == 0:
        return
    decision = judge(compared(wins, losses, ties), PromotionPolicy(), alpha=alpha)
    assert decision.reasons
    if decision.verdict.value == "promote":
        assert decision.p_value <= alpha
        assert wins > losses
        assert wins + losses + ties >= 30
    if losses > wins:
        assert decision.verdict.value != "promote"


@pytest.mark.parametrize(
    "fields",
    [
        {"confidence": 1.0},
        {"alpha": 0.0},
        {"power": -1.0},
        {"yearly_risk": 1.5},
        {"runs_per_year": 0},
        {"min_samples": 0},
        {"minimum_gain": -0.1},
        {"minimum_gain": float("nan")},
        {"slice_margins": {"a=b": -1.0}},
        {"max_growth": {"completion_tokens": float("inf")}},
        {"max_growth": {"price": 0.1}},
    ],
)
def test_policies_that_contradict_themselves_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(InvalidPolicy):
        PromotionPolicy.from_mapping(fields)


def test_a_policy_reads_back() -> None:
    policy = PromotionPolicy.from_mapping({"minimum_gain": 0.02, "yearly_risk": 0.1, "slice_margins": {"*": 0.02}})
    assert codec.load(PromotionPolicy, codec.dump(policy)) == policy
    assert policy.target_gain == 0.02
