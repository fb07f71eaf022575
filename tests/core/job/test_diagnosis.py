"""Each rule fires on the curve it is for, and on no healthy one."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import BudgetExceeded
from airflow_provider_bedrock_rft.core.job.alarm import Action, AlarmPolicy, Budget
from airflow_provider_bedrock_rft.core.job.curve import Curve, smoothed
from airflow_provider_bedrock_rft.core.job.diagnosis import RULES, Code, Observation, diagnose
from airflow_provider_bedrock_rft.core.job.job import JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable

N = 60


def healthy(step: int, random: Random) -> dict[str, float]:
    """As AWS's published run of GSM8K: reward from 0.56 to about 0.9, entropy and length falling slowly."""
    progress = step / N
    return {
        "critic_rewards_mean": 0.56 + 0.34 * progress + random.gauss(0, 0.05),
        "actor_entropy": 1.1 - 0.3 * progress + random.gauss(0, 0.02),
        "actor_grad_norm": 0.001 * random.uniform(0.6, 1.6),
        "actor_pg_loss": random.gauss(0, 0.03),
        "critic_advantages_mean": random.gauss(0, 0.004),
        "response_length_mean": 620 - 200 * progress + random.gauss(0, 20),
    }


def curve_of(make: Callable[[int, Random], dict[str, float]] = healthy, *, seed: int = 0, n: int = N) -> Curve:
    random = Random(seed)
    events = [
        JobEvent(
            event_id=f"e{step}",
            created_at=1000.0 + 30 * step,
            level="info",
            message="",
            step=step,
            total_steps=N,
            metrics=make(step, random),
        )
        for step in range(1, n + 1)
    ]
    return Curve().extended(events)


def bent(**changes: Callable[[int, float], float]) -> Callable[[int, Random], dict[str, float]]:
    def make(step: int, random: Random) -> dict[str, float]:
        values = healthy(step, random)
        return {name: changes[name](step, value) if name in changes else value for name, value in values.items()}

    return make


def codes(curve: Curve, **seen: object) -> set[Code]:
    return {finding.code for finding in diagnose(Observation(curve=curve, **seen))}  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(25))
def test_a_healthy_run_has_no_findings_at_any_step(seed: int) -> None:
    for n in range(N + 1):
        assert codes(curve_of(seed=seed, n=n), now=1000.0 + 30 * n) == set()


def low(step: int, _: float) -> float:
    return 0.05 + 0.01 * (step % 3)


def falling(step: int, value: float) -> float:
    return value if step < 40 else value - 0.04 * (step - 40)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (bent(critic_rewards_mean=lambda *_: 0.0), {Code.EQUAL_REWARDS, Code.PLATEAU}),
        (bent(critic_rewards_mean=lambda *_: 1.0), {Code.EQUAL_REWARDS}),
        (bent(actor_grad_norm=lambda *_: 0.0, actor_pg_loss=lambda *_: 0.0), {Code.EQUAL_REWARDS}),
        (bent(critic_rewards_mean=low), {Code.PLATEAU}),
        (bent(critic_rewards_mean=falling), {Code.REWARD_COLLAPSE}),
        (bent(actor_entropy=lambda step, value: value * math.exp(-step / 8)), {Code.ENTROPY_COLLAPSE}),
        (bent(actor_grad_norm=lambda step, value: value * (50 if step == 58 else 1)), {Code.GRADIENT_SPIKE}),
        (bent(response_length_mean=lambda step, value: value * (1 + step / 20)), {Code.LENGTH_RUNAWAY}),
    ],
)
def test_a_sick_run_is_told(make: Callable[[int, Random], dict[str, float]], expected: set[Code]) -> None:
    for seed in range(10):
        assert codes(curve_of(make, seed=seed)) == expected


def test_a_slow_but_rising_reward_is_no_plateau() -> None:
    assert codes(curve_of(bent(critic_rewards_mean=lambda step, _: 0.002 * step), n=30)) == set()


def test_reward_up_and_truth_down_is_hacking() -> None:
    assert codes(curve_of(), held_out=(0.6, 0.66, 0.64, 0.6, 0.5)) == {Code.REWARD_HACKING}
    assert codes(curve_of(), held_out=(0.6, 0.66, 0.64, 0.65, 0.66)) == set()
    assert codes(curve_of(), held_out=(0.6, 0.5)) == set()


def test_truth_that_has_long_been_lost_is_hacking_still() -> None:
    assert codes(curve_of(), held_out=(0.6, 0.1, 0.0, 0.0, 0.0, 0.0)) == {Code.REWARD_HACKING}


def test_reward_up_and_truth_left_behind_is_overfitting() -> None:
    assert codes(curve_of(), held_out=(0.5, 0.55, 0.52, 0.54, 0.53)) == {Code.OVERFITTING}
    assert codes(curve_of(), held_out=(0.5, 0.55, 0.7, 0.78, 0.82)) == set()
    assert codes(curve_of(), held_out=(0.5, 0.5, 0.5)) == set()


def test_a_held_out_reward_that_the_job_reports_is_believed() -> None:
    def make(step: int, random: Random) -> dict[str, float]:
        held_out = {"val-score/rewards/mean@1": 0.5} if step % 10 == 0 else {}
        return {**healthy(step, random), **held_out}

    assert codes(curve_of(make)) == {Code.OVERFITTING}


def test_truncated_completions() -> None:
    make = bent()
    cut = curve_of(lambda step, random: {**make(step, random), "response/aborted_ratio": 0.3})
    assert codes(cut) == {Code.TRUNCATED_COMPLETIONS}


@pytest.mark.parametrize(("n_errors", "expected"), [(0, set()), (1, set()), (50, {Code.GRADER_ERRORS})])
def test_grader_errors(n_errors: int, expected: set[Code]) -> None:
    assert codes(curve_of(), n_grader_calls=1000, n_grader_errors=n_errors) == expected


def test_error_events_are_counted_once() -> None:
    event = JobEvent(event_id="x", created_at=5, level="error", message="The grader timed out")
    curve = curve_of().extended([event]).extended([event])
    (finding,) = diagnose(Observation(curve=curve))
    assert finding.message == "the job reported 1 error event."


@pytest.mark.parametrize(("silent_minutes", "expected"), [(10, set()), (31, {Code.STALLED})])
def test_a_silent_job_is_stalled(silent_minutes: float, expected: set[Code]) -> None:
    assert codes(curve_of(), now=1000.0 + 30 * N + silent_minutes * 60) == expected


def test_every_rule_has_a_source_an_action_and_a_test() -> None:
    assert set(RULES) == set(Code)
    assert all(rule.source and rule.action.endswith(".") for rule in RULES.values())


def test_a_finding_says_where_what_and_what_next() -> None:
    (finding,) = diagnose(Observation(curve=curve_of(bent(critic_rewards_mean=lambda *_: 1.0))))
    assert str(finding) == (
        "step 60: error equal-rewards: the mean reward was 1 in each of the last 5 steps."
        " Stop the job: nothing is learned. Give partial credit, or use easier or harder prompts."
    )


events = st.lists(
    st.builds(
        JobEvent,
        event_id=st.integers(0, 30).map(str),
        created_at=st.floats(0, 100),
        level=st.sampled_from(["info", "error"]),
        message=st.just(""),
        step=st.none() | st.integers(1, 10),
        total_steps=st.none() | st.integers(1, 10),
        metrics=st.dictionaries(st.sampled_from(["critic_rewards_mean", "x"]), st.floats(0, 1), max_size=2),
    ),
    max_size=20,
)


@given(events, st.randoms(use_true_random=False), st.integers(0, 20))
def test_order_repetition_and_slicing_do_not_matter(given_: list[JobEvent], random: Random, cut: int) -> None:
    shuffled = given_ * 2
    random.shuffle(shuffled)
    whole = Curve().extended(given_)
    assert Curve().extended(shuffled) == whole
    assert Curve().extended(given_[:cut]).extended(given_[cut:]).extended(given_[:3]) == whole
    assert codec.load(Curve, codec.dump(whole)) == whole
    diagnose(Observation(curve=whole, now=1e6))


def test_the_services_signs_do_not_matter() -> None:
    event = JobEvent(
        event_id="1", created_at=1, level="info", message="", step=1, metrics={"critic/rewards/mean": 0.5, "odd": 1.0}
    )
    (point,) = Curve().extended([event]).points
    assert point.values == {"reward": 0.5, "odd": 1.0}


def test_a_curve_knows_its_pace() -> None:
    curve = curve_of(n=3)
    assert (curve.last_step, curve.total_steps, curve.seconds_per_step) == (3, N, 30.0)
    assert curve_of(n=1).seconds_per_step is None
    assert Curve().last_step == 0
    assert smoothed((1.0, 2.0, 3.0), 2) == (1.5, 2.5)


def test_the_harshest_action_wins() -> None:
    findings = diagnose(Observation(curve=curve_of(bent(critic_rewards_mean=lambda *_: 0.0))))
    policy = AlarmPolicy(actions={"equal-rewards": Action.STOP, "plateau": Action.IGNORE})
    action, reasons = policy.harshest(findings)
    assert action is Action.STOP
    assert [finding.code for finding in reasons] == [Code.EQUAL_REWARDS]
    assert AlarmPolicy().harshest(findings)[0] is Action.LOG
    assert AlarmPolicy().harshest(()) == (Action.IGNORE, ())
    assert codec.load(AlarmPolicy, codec.dump(policy)) == policy


@pytest.mark.parametrize(
    ("budget", "hours"),
    [
        (Budget(max_hours=2.0), 2.0),
        (Budget(max_cost=30.0, cost_per_hour=20.0), 1.5),
        (Budget(max_hours=1.0, max_cost=30.0, cost_per_hour=20.0), 1.0),
    ],
)
def test_a_budget_ends(budget: Budget, hours: float) -> None:
    budget.check("j", created_at=100.0, now=100.0 + hours * 3600 - 1)
    with pytest.raises(BudgetExceeded, match="Job j has run for"):
        budget.check("j", created_at=100.0, now=100.0 + hours * 3600)


def test_no_budget_never_ends() -> None:
    for budget in (Budget(), Budget(max_cost=5.0)):
        assert budget.check("j", created_at=0.0, now=9e9) is None


def test_a_model_that_has_learned_everything_is_no_waste() -> None:
    solved = curve_of(
        lambda step, _: {
            "critic_rewards_mean": min(1.0, step / 30),
            "actor_grad_norm": 0.0 if step > 30 else 0.001,
            "actor_pg_loss": 0.0 if step > 30 else 0.01,
        }
    )
    assert Code.EQUAL_REWARDS not in {found.code for found in diagnose(Observation(curve=solved))}


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0])
def test_a_constant_reward_is_waste_at_any_level_and_length(level: float) -> None:
    for n in (5, 12, N):
        curve = curve_of(lambda _step, _random: {"critic_rewards_mean": level}, n=n)
        assert Code.EQUAL_REWARDS in {found.code for found in diagnose(Observation(curve=curve))}


def test_a_grader_that_breaks_to_a_constant_is_noticed() -> None:
    curve = curve_of(lambda step, _: {"critic_rewards_mean": step / 60 if step < 40 else 0.3})
    assert Code.EQUAL_REWARDS in {found.code for found in diagnose(Observation(curve=curve))}
