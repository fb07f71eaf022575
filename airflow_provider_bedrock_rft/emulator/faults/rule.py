"""One rule of what is to go wrong, and how it is written."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "x-emulator-fault"
_EFFECTS_ON_TRAINING = ("fail_job", "slow_step_seconds", "grader_error")
_EFFECTS_ON_NEWBORNS = ("role_delay_seconds", "version_delay_seconds")
_EFFECTS_ON_REQUESTS = (
    "status",
    "reset",
    "latency_seconds",
    "stale_seconds",
    "cut_after",
    "expired",
    "skew_seconds",
    "function_error",
)
EFFECTS = (*_EFFECTS_ON_REQUESTS, *_EFFECTS_ON_TRAINING, *_EFFECTS_ON_NEWBORNS)
Subject = Literal["requests", "training", "newborns"]


class InvalidFault(ValueError):
    """A rule that cannot be read; the message says what is wrong with it."""


class LogNormal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Latencies as services have them: most are near the median, one in a hundred is above ``p99``."""

    median: float
    p99: float

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm."""
        return math.log(self.p99 / self.median) / 2.326


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to go wrong, and when.

    A rule is about training if it has ``fail_job`` (the job's error), ``grader_error`` (what the grader fails with) or
    ``slow_step_seconds``; then ``step`` (None: each) and ``job_id`` (empty: any) say where. It is about what was just
    made if it has ``role_delay_seconds`` or ``version_delay_seconds``: so long after their creation roles cannot be
    assumed, or published versions of functions are not found. Any other is about requests, chosen by ``method`` and
    ``path`` (a regular expression). ``skip`` matches are let through first, then ``times`` (None: all) are hit, each
    with ``probability``.
    ``reset="before"`` drops the connection before the request is looked at, ``"after"`` once it has been carried out:
    the sender cannot tell which. ``stale_seconds`` lets listings of jobs and files show what was true that long ago.
    ``cut_after`` breaks a stream after so many chunks. ``expired`` refuses the credentials as expired,
    ``skew_seconds`` lets the service's clock be off by that much, ``function_error`` answers an ``Invoke`` with an
    unhandled error. Seconds are emulated ones; a latency may be a range or a log-normal distribution.
    """

    id: str = ""
    method: str = ""
    path: str = ""
    job_id: str = ""
    step: int | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    status: int | None = None
    headers: dict[str, str] = {}
    message: str = "An injected fault."
    code: str = ""
    latency_seconds: float | tuple[float, float] | LogNormal = 0.0
    reset: Literal["", "before", "after"] = ""
    stale_seconds: float = 0.0
    cut_after: int | None = None
    expired: bool = False
    skew_seconds: float = 0.0
    function_error: str = ""
    fail_job: str = ""
    grader_error: str = ""
    slow_step_seconds: float = 0.0
    role_delay_seconds: float = 0.0
    version_delay_seconds: float = 0.0

    @property
    def subject(self) -> Subject:
        """What the rule strikes."""
        if any(getattr(self, name) for name in _EFFECTS_ON_TRAINING):
            return "training"
        return "newborns" if any(getattr(self, name) for name in _EFFECTS_ON_NEWBORNS) else "requests"

    @property
    def is_answer(self) -> bool:
        """True when the request is answered by the fault alone, and never carried out."""
        return self.status is not None or self.expired or bool(self.function_error)


def parse_rule(fields: Mapping[str, object]) -> Rule:
    """The rule in ``fields``.

    Raises:
        InvalidFault: it cannot be read, or does nothing.
    """
    try:
        rule = msgspec.convert(dict(fields), Rule)
        re.compile(rule.path)
    except (msgspec.ValidationError, re.error) as error:
        raise InvalidFault(str(error)) from error
    if rule.status is not None and not 100 <= rule.status <= 599:
        raise InvalidFault(f"{rule.status} is not an HTTP status")
    match rule.latency_seconds:
        case LogNormal(median=median, p99=p99) if not 0 < median <= p99:
            raise InvalidFault("a latency needs a median above 0 and a p99 not below it")
        case _ if not describe(rule):
            raise InvalidFault(f"the rule does nothing; give it one of {', '.join(EFFECTS)}")
    return rule


def parse_header(text: str) -> Mapping[str, object]:
    """The fields in a header: a JSON object, or ``status=429; latency_seconds=0.5``.

    Raises:
        InvalidFault: it is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise InvalidFault(f"{HEADER}: {error}") from error
        return dict(fields)
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    if not pairs or not all(equals for _, equals, _ in pairs):
        raise InvalidFault(f"{HEADER} must be a JSON object or name=value pairs separated by semicolons")
    return {name.strip(): _value(value.strip()) for name, _, value in pairs}


def describe(rule: Rule) -> str:
    """What a rule does, in the fields that are set."""
    return ", ".join(f"{name}={value}" for name in EFFECTS if (value := getattr(rule, name)) != getattr(_NOTHING, name))


_NOTHING = Rule()


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
