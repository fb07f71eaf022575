"""Graders made of graders. Travels into the Lambda: standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_bedrock_rft.core.grader.binding import GradingFunction, bind
from airflow_provider_bedrock_rft.core.grader.reward import Reward
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

SampleGrader = Callable[[GraderSample], Reward]
"""A grading function that asks for the whole sample; what every combinator returns."""


def weighted_sum(parts: Mapping[str, tuple[float, GradingFunction]]) -> SampleGrader:
    """The sum of weight times value; each part is reported as a component under its name."""
    bound = {name: (weight, bind(grader)) for name, (weight, grader) in parts.items()}

    def grade(sample: GraderSample) -> Reward:
        rewards = {name: grader(sample) for name, (_, grader) in bound.items()}
        value = sum(weight * rewards[name].value for name, (weight, _) in bound.items())
        return _merge(value, rewards)

    return grade


def gate(
    condition: GradingFunction, grader: GradingFunction, *, at_least: float = 1.0, closed: float = 0.0
) -> SampleGrader:
    """``grader`` where ``condition`` reaches ``at_least``, else ``closed``: right in a wrong form earns nothing."""
    opens, graded = bind(condition), bind(grader)

    def grade(sample: GraderSample) -> Reward:
        key = opens(sample)
        if key.value < at_least:
            return _merge(closed, {"gate": key})
        inside = graded(sample)
        return _merge(inside.value, {"gate": key, "gated": inside})

    return grade


def clip(grader: GradingFunction, *, low: float = 0.0, high: float = 1.0) -> SampleGrader:
    """``grader``, held between ``low`` and ``high``."""
    graded = bind(grader)

    def grade(sample: GraderSample) -> Reward:
        reward = graded(sample)
        return Reward(min(high, max(low, reward.value)), components=reward.components, metrics=reward.metrics)

    return grade


def minimum(parts: Mapping[str, GradingFunction]) -> SampleGrader:
    """The least of the parts: every one has to be good."""
    bound = {name: bind(grader) for name, grader in parts.items()}

    def grade(sample: GraderSample) -> Reward:
        rewards = {name: grader(sample) for name, grader in bound.items()}
        return _merge(min(reward.value for reward in rewards.values()), rewards)

    return grade


def _merge(value: float, rewards: Mapping[str, Reward]) -> Reward:
    metrics = {f"{name}.{key}": number for name, reward in rewards.items() for key, number in reward.metrics.items()}
    return Reward(value, components={name: reward.value for name, reward in rewards.items()}, metrics=metrics)
