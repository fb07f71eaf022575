"""A grader's verdict on one sample. Travels into the Lambda: standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from numbers import Real


class InvalidReward(ValueError):
    """A verdict that cannot train: not a number, or not a finite one."""


class RewardAbsent(InvalidReward):
    """No verdict at all: a way through the function returns nothing."""


class RewardNotFinite(InvalidReward):
    """Not a number in the sense of floating point, or infinity."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The number that trains, and what it is made of.

    Attributes:
        value: The aggregate; finite. 0 to 1 by convention, any range by contract.
        components: Named parts of the value, reported as type ``Reward``.
        metrics: Named facts beside it, reported as type ``Metric``.
    """

    value: float
    _: KW_ONLY
    components: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot train.

        Raises:
            InvalidReward: The value, a component or a metric is no finite number.
        """
        _check_finite("value", self.value)
        for name, number in (*self.components.items(), *self.metrics.items()):
            _check_finite(name, number)


def as_reward(verdict: object) -> Reward:
    """The reward in what a grading function returned: a :class:`Reward`, a number, or a truth value (1 or 0).

    Raises:
        InvalidReward: It is none of these, or not finite.
    """
    if isinstance(verdict, Reward):
        return verdict
    if isinstance(verdict, Real):
        return Reward(float(verdict))
    if verdict is None:
        raise RewardAbsent("The grader returned None; a number or a Reward is needed.")
    raise InvalidReward(f"The grader returned {type(verdict).__name__}; a number or a Reward is needed.")


def _check_finite(name: str, number: object) -> None:
    if not isinstance(number, Real):
        raise InvalidReward(f"{name} is {type(number).__name__}; a finite number is needed.")
    if not math.isfinite(number):
        raise RewardNotFinite(f"{name} is {number!r}; a finite number is needed.")
