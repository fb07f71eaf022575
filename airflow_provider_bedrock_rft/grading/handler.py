"""A grading function as a Lambda handler. Travels into the Lambda: standard library only."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from airflow_provider_bedrock_rft.core.grader.binding import GradingFunction, bind
from airflow_provider_bedrock_rft.core.grader.reward import InvalidReward, Reward
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, read_event

if TYPE_CHECKING:
    from collections.abc import Callable


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


class Grader:
    """A grading function and its options; calling it calls the function.

    Raises:
        InvalidSignature: The function needs a parameter that no sample has (``core.grader.binding.ARGUMENTS``).
    """

    def __init__(self, function: GradingFunction, options: GraderOptions | None = None) -> None:
        self.function = function
        self.options = options or GraderOptions()
        self._grade = bind(function)
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
        return self._grade(sample)

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
        except (Exception, SystemExit) as error:  # one bad sample must not fail its batch
            _log_failure(sample.sample_id, error, with_message=self.options.log_content)
            if self.options.on_error == "fail":
                raise
            return Reward(
                self.options.floor, metrics={"grader_error": 1.0, f"grader_error.{type(error).__name__}": 1.0}
            )


def to_entry(sample_id: str, reward: Reward) -> dict[str, object]:
    """One element of the reply."""
    named = [{"name": name, "value": value, "type": "Reward"} for name, value in reward.components.items()]
    named += [{"name": name, "value": value, "type": "Metric"} for name, value in reward.metrics.items()]
    return {"id": sample_id, "aggregate_reward_score": float(reward.value), "metrics_list": named}


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
    message = f": {error}" if with_message or isinstance(error, ImportError | InvalidReward) else ""
    if isinstance(error, KeyError) and frame and frame[0].filename in {"<frozen os>", os.__file__}:
        message = f": the environment variable {error} is not set"
    sys.stderr.write(f"[grader] sample {sample_id!r}: {type(error).__name__}{place}{message}\n")
