from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
from airflow_provider_bedrock_rft.emulator.learner.grpo import advantages, gather

if TYPE_CHECKING:
    from collections.abc import Callable


def test_advantages_are_distances_from_the_groups_mean() -> None:
    assert advantages([1.0, 0.0, 1.0, 0.0]) == pytest.approx([1, -1, 1, -1], abs=1e-4)


@pytest.mark.parametrize("rewards", [[], [1.0], [0.5] * 8, [None, None], [1.0, None], [math.nan, 1.0], [math.inf, 0.0]])
def test_a_group_without_differences_has_no_advantages(rewards: list[float | None]) -> None:
    assert advantages(rewards) == [0.0] * len(rewards)


def test_a_completion_without_reward_has_no_advantage() -> None:
    assert advantages([1.0, None, 0.0]) == pytest.approx([1, 0, -1], abs=1e-4)


def test_the_gradient_is_that_of_the_objective(make_session: Callable[..., Any], make_task: Callable[..., Any]) -> None:
    session = make_session(make_task(["per_crate"], 2, 1).prompts, kl=0.3)
    session.sample([0, 1], 4, 0)
    traces = [trace for group in session._last for trace in group]
    random = Random(1)
    batch = gather(traces, [random.gauss(0, 1) for _ in traces])
    assert batch is not None
    weights, learner = base_weights().astype(np.float64), session.learner
    old = batch.log_probabilities(base_weights())
    reference = old + 0.1 * np.random.default_rng(0).normal(size=old.size)
    times = np.bincount(batch.choice_of_decision, minlength=len(batch.choice_starts))

    def objective(at: np.ndarray) -> float:
        log_p = batch.log_probabilities(at)
        gain = np.exp(log_p - old)[batch.picked_row] @ batch.advantage
        divergence = times @ batch.per_choice(np.exp(log_p) * (log_p - reference))
        return float(gain - 0.3 * divergence)

    gradient = batch.to_weights(learner._row_gradient(batch, old, reference, batch.advantage))
    for at in np.argsort(-np.abs(gradient))[:12]:
        step = np.zeros_like(weights)
        step[at] = 1e-5
        numeric = (objective(weights + step) - objective(weights - step)) / 2e-5
        assert gradient[at] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_a_rewarded_completion_becomes_likelier_and_the_ratio_stays_near_its_clip(
    make_session: Callable[..., Any], make_task: Callable[..., Any]
) -> None:
    session = make_session(make_task(["per_crate"], 1, 2).prompts, inner_steps=4)
    session.sample([0], 8, 0)
    trace = session._last[0][0]
    before = gather([trace], [1.0])
    assert before is not None
    old = before.log_probabilities(session.learner.weights)[before.picked_row].sum()
    metrics = session.update([[1.0] + [0.0] * 7])
    new = before.log_probabilities(session.learner.weights)[before.picked_row].sum()
    assert new > old
    assert metrics.actor_grad_norm > 0
    assert 0 < metrics.actor_pg_clipfrac <= 1


def test_the_reference_holds_the_weights_back(
    train: Callable[..., Any], make_task: Callable[..., Any], exact_match: Callable[..., Any]
) -> None:
    task = make_task(["easy_sum"], 30, 3)
    free = train(task.prompts, exact_match(task), 15, kl=0.0)
    held = train(task.prompts, exact_match(task), 15, kl=2.0)
    distance = [float(np.abs(run.weights - base_weights()).sum()) for run in (free, held)]
    assert distance[1] < distance[0]


def test_rewards_out_of_place_change_nothing(make_session: Callable[..., Any], make_task: Callable[..., Any]) -> None:
    session = make_session(make_task(["easy_sum"], 2, 4).prompts)
    with pytest.raises(ValueError, match="Sample first"):
        session.update([[1.0, 0.0]])
    session.sample([0, 1], 2, 0)
    with pytest.raises(ValueError, match=r"groups of \[2, 2\] were sampled"):
        session.update([[1.0, 0.0]])
    assert np.array_equal(session.learner.weights, base_weights())
    session.update([[1.0, 0.0], [None, None]])
    assert not np.array_equal(session.learner.weights, base_weights())
