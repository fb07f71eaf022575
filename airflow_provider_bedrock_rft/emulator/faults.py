"""Things going wrong on demand: rules for requests and for training steps, seeded, and a log of what was done."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

import msgspec

from airflow_provider_bedrock_rft.emulator.training.state import JobFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock

HEADER = "x-emulator-fault"
_MAX_LOG = 10_000


class InvalidFault(ValueError):
    """A rule that cannot be read; the message says what is wrong with it."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to go wrong, and when.

    A rule is about training if it has ``fail_job`` (the error's message) or ``slow_step_seconds``; then ``step`` (None:
    each) and ``job_id`` (empty: any) say where. Any other is about requests, chosen by ``method`` and ``path`` (a
    regular expression). ``skip`` matches are let through first, then ``times`` (None: all) are hit, each
    with ``probability``.
    ``reset="before"`` drops the connection before the request is looked at, ``"after"`` once it has been carried out:
    the sender cannot tell which. ``stale_seconds`` lets listings of jobs show what was true that long ago.
    ``cut_after`` breaks a stream after so many chunks. Seconds are emulated ones; two latencies are a range.
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
    latency_seconds: float | tuple[float, float] = 0.0
    reset: Literal["", "before", "after"] = ""
    stale_seconds: float = 0.0
    cut_after: int | None = None
    fail_job: str = ""
    slow_step_seconds: float = 0.0

    @property
    def is_about_training(self) -> bool:
        """True when the rule strikes training steps, not requests."""
        return bool(self.fail_job or self.slow_step_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A fault that happened."""

    number: int
    at: float
    rule: str
    what: str
    where: str


@dataclass(slots=True)
class _Armed:
    rule: Rule
    path: re.Pattern[str]
    seen: int = 0
    hits: int = 0


class Faults:
    """The rules in force. Equal seeds and equal requests give equal faults."""

    def __init__(self, clock: EmulatorClock, seed: int, rules: Iterable[Mapping[str, object]] = ()) -> None:
        self._clock = clock
        self._random = Random(f"faults-{seed}")
        self._armed: dict[str, _Armed] = {}
        self._n_rules = 0
        self._n_taken = 0
        self.log: deque[Taken] = deque(maxlen=_MAX_LOG)
        for rule in rules:
            self.add(rule)

    @property
    def rules(self) -> list[Rule]:
        """All rules in force."""
        return [armed.rule for armed in self._armed.values()]

    def add(self, fields: Mapping[str, object]) -> Rule:
        """Put a rule in force.

        Raises:
            InvalidFault: it cannot be read.
        """
        rule = parse_rule(fields)
        self._n_rules += 1
        rule = msgspec.structs.replace(rule, id=rule.id or f"fault-{self._n_rules}")
        self._armed[rule.id] = _Armed(rule, re.compile(rule.path))
        return rule

    def remove(self, rule_id: str) -> bool:
        """Take a rule back; False if there is none of this id."""
        return self._armed.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Take all rules back."""
        self._armed.clear()

    def for_request(self, method: str, path: str, header: str | None) -> Rule | None:
        """The fault that this request is to meet, if any; its own header goes before all rules.

        Raises:
            InvalidFault: the header cannot be read.
        """
        if header is not None:
            rule = parse_rule(parse_header(header))
            self._take(rule, f"{method} {path}")
            return rule
        for armed in self._armed.values():
            rule = armed.rule
            if rule.is_about_training or (rule.method and rule.method != method) or not armed.path.search(path):
                continue
            if self._strikes(armed):
                self._take(rule, f"{method} {path}")
                return rule
        return None

    async def at_step(self, job_id: str, step: int) -> None:
        """Delay a training step or fail its job, where a rule says so."""
        for armed in list(self._armed.values()):
            rule = armed.rule
            if not rule.is_about_training or rule.job_id not in ("", job_id) or rule.step not in (None, step):
                continue
            if not self._strikes(armed):
                continue
            self._take(rule, f"{job_id} step {step}")
            await self._clock.sleep(rule.slow_step_seconds)
            if rule.fail_job:
                raise JobFailure(rule.code or "server_error", rule.fail_job)

    def latency(self, rule: Rule) -> float:
        """How long this time, in seconds."""
        match rule.latency_seconds:
            case (least, most):
                return self._random.uniform(least, most)
            case seconds:
                return float(seconds)

    def _strikes(self, armed: _Armed) -> bool:
        armed.seen += 1
        rule = armed.rule
        if armed.seen <= rule.skip or (rule.times is not None and armed.hits >= rule.times):
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        armed.hits += 1
        return True

    def _take(self, rule: Rule, where: str) -> None:
        self._n_taken += 1
        self.log.append(
            Taken(number=self._n_taken, at=self._clock.now(), rule=rule.id or HEADER, what=describe(rule), where=where)
        )


def parse_rule(fields: Mapping[str, object]) -> Rule:
    """The rule in ``fields``.

    Raises:
        InvalidFault: it cannot be read.
    """
    try:
        rule = msgspec.convert(dict(fields), Rule)
        re.compile(rule.path)
    except (msgspec.ValidationError, re.error) as error:
        raise InvalidFault(str(error)) from error
    if rule.status is not None and not 100 <= rule.status <= 599:
        raise InvalidFault(f"{rule.status} is not an HTTP status")
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
    effects = ("status", "reset", "latency_seconds", "stale_seconds", "cut_after", "fail_job", "slow_step_seconds")
    return ", ".join(f"{name}={value}" for name in effects if (value := getattr(rule, name)))


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
