"""What a grading function may ask for, and how it is given it. Travels into the Lambda: standard library only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.reward import Reward, as_reward

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

GradingFunction = Callable[..., "float | Reward"]
"""Takes any of :data:`ARGUMENTS` by keyword and returns a number or a :class:`Reward`."""

ARGUMENTS: Mapping[str, Callable[[GraderSample], object]] = {
    "completion": lambda sample: sample.completion,
    "reference": lambda sample: sample.reference,
    "prompt": lambda sample: sample.prompt,
    "metadata": lambda sample: sample.metadata,
    "turns": lambda sample: sample.turns,
    "tools": lambda sample: sample.tools,
    "sample_id": lambda sample: sample.sample_id,
    "sample": lambda sample: sample,
}
"""Name of a parameter → what it is given."""


class InvalidSignature(TypeError):
    """A grading function that asks for something no sample has."""


def bind(function: GradingFunction) -> Callable[[GraderSample], Reward]:
    """``function`` as a function of a sample.

    Raises:
        InvalidSignature: It needs a parameter that is not in :data:`ARGUMENTS`.
    """
    arguments = tuple((name, ARGUMENTS[name]) for name in wanted_arguments(function))

    def grade(sample: GraderSample) -> Reward:
        return as_reward(function(**{name: read(sample) for name, read in arguments}))

    return grade


def wanted_arguments(function: GradingFunction) -> Sequence[str]:
    """The names of :data:`ARGUMENTS` that ``function`` takes.

    Raises:
        InvalidSignature: It needs another one.
    """
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return tuple(ARGUMENTS)
    for parameter in parameters:
        is_needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if is_needed and (parameter.name not in ARGUMENTS or parameter.kind is parameter.POSITIONAL_ONLY):
            known = ", ".join(ARGUMENTS)
            raise InvalidSignature(f"A grader cannot be given {parameter.name!r}; its parameters may be {known}.")
    return tuple(parameter.name for parameter in parameters if parameter.name in ARGUMENTS)
