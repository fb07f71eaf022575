"""What goes wrong in training for real, with the graders of the examples, is noticed by the package's own diagnosis.

The jobs of ``docs/how-to/training_dynamics.py``, without the services around them.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.diagnosis import Code, Observation, diagnose
from airflow_provider_bedrock_rft.core.job.job import JobEvent
from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion

ROOT = Path(__file__).parents[3]


def module_at(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"dynamics_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


DYNAMICS = module_at(ROOT / "docs" / "how-to" / "training_dynamics.py")
GRADERS = module_at(DYNAMICS.GRADERS)


def asked(samples: list[tuple[str, str]]) -> list[list[dict[str, object]]]:
    return [[{"role": "user", "content": prompt}] for prompt, _ in samples]


@pytest.fixture
def rehearse(train: Callable[..., Any], score: Callable[..., float]) -> Callable[..., tuple[Curve, list[float]]]:
    """Train a case, and ask for the truth before, three times on the way, and at the end."""

    def run(name: str, n_steps: int, *, seed: int = 1) -> tuple[Curve, list[float]]:
        case = DYNAMICS.CASES[name]
        samples, unseen = case.samples(90, Random(seed)), case.samples(60, Random(seed + 100))
        grader = getattr(GRADERS, case.grader).function
        wants_reference = case.grader not in {"long_winded", "indifferent"}
        truth = []

        def grade(completion: Completion, i: int) -> float:
            return float(grader(completion.text, *([samples[i][1]] if wants_reference else [])))

        def keep_truth(weights: Any) -> None:
            truth.append(score(weights, asked(unseen), lambda c, i: float(case.is_true(c.text, unseen[i][1]))))

        keep_truth(base_weights())
        trained = train(
            asked(samples),
            grade,
            n_steps,
            seed=seed,
            learning_rate=case.learning_rate,
            on_step=lambda step, weights: keep_truth(weights) if step % (n_steps // 4) == 0 else None,
        )
        return curve_of(trained), truth

    return run


def curve_of(run: Any) -> Curve:
    steps = zip(run.rewards, run.lengths, run.metrics, strict=True)
    return Curve().extended(
        JobEvent(
            event_id=f"e{step}",
            created_at=1_000.0 + step,
            level="info",
            message="",
            step=step,
            total_steps=len(run.rewards),
            metrics={
                "critic_rewards_mean": reward,
                "response_length_mean": length,
                "actor_entropy": metrics.actor_entropy,
                "actor_grad_norm": metrics.actor_grad_norm,
                "actor_pg_loss": metrics.actor_pg_loss,
            },
        )
        for step, (reward, length, metrics) in enumerate(steps, 1)
    )


def codes(curve: Curve, truth: list[float]) -> set[Code]:
    return {finding.code for finding in diagnose(Observation(curve=curve, held_out=truth))}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_flattered_grader_is_exploited_and_the_truth_falls(rehearse: Callable[..., Any], seed: int) -> None:
    curve, truth = rehearse("reward hacking", 60, seed=seed)
    assert curve.series("reward")[-1] > curve.series("reward")[0] + 0.3
    assert truth[-1] < truth[0] - 0.3
    assert Code.REWARD_HACKING in codes(curve, truth)


def test_a_high_learning_rate_collapses_the_policy(rehearse: Callable[..., Any]) -> None:
    curve, truth = rehearse("collapse", 60)
    assert curve.series("entropy")[-1] < 0.1 * curve.series("entropy")[0]
    assert truth[-1] < truth[0]
    assert codes(curve, truth) & {Code.REWARD_COLLAPSE, Code.ENTROPY_COLLAPSE} != set()


def test_equal_rewards_teach_nothing(rehearse: Callable[..., Any]) -> None:
    curve, truth = rehearse("equal rewards", 20)
    assert len(set(truth)) == 1
    assert set(curve.series("gradient_norm")) == {0.0}
    assert codes(curve, truth) == {Code.EQUAL_REWARDS}


def test_coincidences_are_learnt_by_heart(rehearse: Callable[..., Any]) -> None:
    curve, truth = rehearse("overfitting", 240)
    assert curve.series("reward")[-1] > curve.series("reward")[0] + 0.3
    assert max(truth) < 0.55
    assert Code.OVERFITTING in codes(curve, truth)


def test_a_love_of_length_runs_away(rehearse: Callable[..., Any]) -> None:
    curve, truth = rehearse("length runaway", 60)
    assert curve.series("response_length")[-1] > 2 * curve.series("response_length")[0]
    assert Code.LENGTH_RUNAWAY in codes(curve, truth)


def test_an_honest_grader_at_a_calm_pace_is_no_case(train: Callable[..., Any], score: Callable[..., float]) -> None:
    samples, unseen = DYNAMICS.sums(90, Random(5)), DYNAMICS.sums(60, Random(6))
    truth: list[float] = []

    def keep_truth(weights: Any) -> None:
        truth.append(score(weights, asked(unseen), lambda c, i: float(DYNAMICS.is_number(c.text, unseen[i][1]))))

    keep_truth(base_weights())
    run = train(
        asked(samples),
        lambda c, i: float(GRADERS.last_number(c.text, samples[i][1])),
        40,
        on_step=lambda step, weights: keep_truth(weights) if step % 10 == 0 else None,
    )
    assert truth[-1] > truth[0]
    assert (
        codes(curve_of(run), truth)
        & {
            Code.REWARD_HACKING,
            Code.OVERFITTING,
            Code.REWARD_COLLAPSE,
            Code.LENGTH_RUNAWAY,
            Code.EQUAL_REWARDS,
        }
        == set()
    )
