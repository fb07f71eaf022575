"""A grading function as a Lambda handler. Travels into the Lambda: standard library only."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from airflow_provider_bedrock_rft.core.grader.reward import Reward, as_reward
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, read_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
"""What a grading function may ask for, by the name of its parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderOptions:
    """How a grader's Lambda behaves around the grading function.

    Attributes:
        on_error: ``floor`` scores a sample whose grading failed at ``floor`` and says so in the metric
            ``grader_error``; ``fail`` fails the whole invocation.
        floor: The score of such a sample.
        envelope: Answer in an HTTP envelope, which SageMaker serverless customization wants; an event that comes in
            one is always answered in one.
        log_content: Let messages of errors, which may quote a completion, into the log.
    """

    on_error: Literal["floor", "fail"] = "floor"
    floor: float = 0.0
    envelope: bool = False
    log_content: bool = False


class InvalidSignature(TypeError):
    """A grading function that asks for something no sample has."""


class Grader:
    """A grading function and its options; calling it calls the function.

    Raises:
        InvalidSignature: The function needs a parameter that is not in :data:`ARGUMENTS`.
    """

    def __init__(self, function: GradingFunction, options: GraderOptions | None = None) -> None:
        self.function = function
        self.options = options or GraderOptions()
        self._arguments = tuple((name, ARGUMENTS[name]) for name in wanted_arguments(function))
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: object, **kwargs: object) -> float | Reward:
        """What the function says."""
        return self.function(*args, **kwargs)

    def grade(self, sample: GraderSample) -> Reward:
        """The reward of one sample.

        Raises:
            InvalidReward: The function did not return a finite number.
        """
        return as_reward(self.function(**{name: read(sample) for name, read in self._arguments}))

    def lambda_handler(self, event: object, context: object = None) -> object:  # noqa: ARG002 -- Lambda passes both
        """The reply to one invocation, in the order and with the ids of the event."""
        body = event.get("body") if isinstance(event, dict) else None
        samples = read_event(json.loads(body) if isinstance(body, str) else body or event)
        reply = [to_entry(sample.sample_id, self._grade_safely(sample)) for sample in samples]
        if self.options.envelope or body is not None:
            return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(reply)}
        return reply

    def _grade_safely(self, sample: GraderSample) -> Reward:
        try:
            return self.grade(sample)
        except (Exception, SystemExit) as error:
            _log_failure(sample.sample_id, error, with_message=self.options.log_content)
            if self.options.on_error == "fail":
                raise
            return Reward(self.options.floor, metrics={"grader_error": 1.0})


def to_entry(sample_id: str, reward: Reward) -> dict[str, object]:
    """One element of the reply."""
    named = [{"name": name, "value": value, "type": "Reward"} for name, value in reward.components.items()]
    named += [{"name": name, "value": value, "type": "Metric"} for name, value in reward.metrics.items()]
    return {"id": sample_id, "aggregate_reward_score": float(reward.value), "metrics_list": named}


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


@overload
def rft_grader(function: GradingFunction) -> Grader: ...
@overload
def rft_grader(
    *, on_error: Literal["floor", "fail"] = ..., floor: float = ..., envelope: bool = ..., log_content: bool = ...
) -> Callable[[GradingFunction], Grader]: ...


def rft_grader(
    function: GradingFunction | None = None,
    *,
    on_error: Literal["floor", "fail"] = "floor",
    floor: float = 0.0,
    envelope: bool = False,
    log_content: bool = False,
) -> Grader | Callable[[GradingFunction], Grader]:
    """Make a grading function deployable, bare or with :class:`GraderOptions`."""
    options = GraderOptions(on_error=on_error, floor=floor, envelope=envelope, log_content=log_content)

    def decorate(decorated: GradingFunction) -> Grader:
        return Grader(decorated, options)

    return decorate(function) if function is not None else decorate


def handler_for(grader: GradingFunction) -> Callable[[object, object], object]:
    """The Lambda handler of a decorated or plain grading function."""
    return (grader if isinstance(grader, Grader) else Grader(grader)).lambda_handler


def _log_failure(sample_id: str, error: BaseException, *, with_message: bool) -> None:
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {frame[0].filename.rpartition('/')[2]}:{frame[0].lineno}" if frame else ""
    message = f": {error}" if with_message else ""
    sys.stderr.write(f"[grader] sample {sample_id!r}: {type(error).__name__}{place}{message}\n")
