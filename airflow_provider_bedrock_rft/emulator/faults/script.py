"""The rules in force, and the log of what they did."""

from __future__ import annotations

import contextlib
import logging
import re
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.emulator.faults.rule import (
    HEADER,
    LogNormal,
    Rule,
    describe,
    parse_header,
    parse_rule,
)
from airflow_provider_bedrock_rft.emulator.training.state import JobFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.faults.rule import Subject

LOGGER = logging.getLogger(__name__)
_MAX_LOG = 10_000


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
    random: Random
    seen: int = 0
    hits: int = 0


class Faults:
    """The rules in force. Equal seeds, rules and requests give equal faults, whatever other rules there are.

    What was taken is appended to ``log_file`` at once, so that a killed process leaves it behind.
    """

    def __init__(
        self,
        clock: EmulatorClock,
        seed: int,
        rules: Iterable[Mapping[str, object]] = (),
        *,
        log_file: Path | None = None,
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._armed: dict[str, _Armed] = {}
        self._n_rules = 0
        self._log_file = log_file
        self.log: deque[Taken] = deque(_read_log(log_file), maxlen=_MAX_LOG)
        for rule in rules:
            self.add(rule)

    @property
    def rules(self) -> list[Rule]:
        """All rules in force."""
        return [armed.rule for armed in self._armed.values()]

    def has_rules(self, subject: Subject) -> bool:
        """True when there is a rule about that subject."""
        return any(armed.rule.subject == subject for armed in self._armed.values())

    def add(self, fields: Mapping[str, object]) -> Rule:
        """Put a rule in force.

        Raises:
            InvalidFault: it cannot be read.
        """
        rule = parse_rule(fields)
        self._n_rules += 1
        rule = msgspec.structs.replace(rule, id=rule.id or f"fault-{self._n_rules}")
        self._armed[rule.id] = _Armed(rule, re.compile(rule.path), self._chance(rule))
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
        for armed in self._about("requests"):
            rule = armed.rule
            if (rule.method and rule.method != method) or not armed.path.search(path):
                continue
            if self._strikes(armed):
                self._take(rule, f"{method} {path}")
                return rule
        return None

    async def at_step(self, job_id: str, step: int) -> None:
        """Delay a training step or fail its job, where a rule says so."""
        for armed in list(self._at(job_id, step)):
            rule = armed.rule
            if rule.grader_error or not self._strikes(armed):
                continue
            self._take(rule, f"{job_id} step {step}")
            await self._clock.sleep(rule.slow_step_seconds)
            if rule.fail_job:
                raise JobFailure(rule.code or "server_error", rule.fail_job)

    def grader_error(self, job_id: str, step: int) -> str:
        """What the grader fails with in this step; empty where it is to be called."""
        for armed in self._at(job_id, step):
            if armed.rule.grader_error and self._strikes(armed):
                self._take(armed.rule, f"{job_id} step {step}")
                return armed.rule.grader_error
        return ""

    def is_unknown_yet(self, name: str, age_seconds: float, *, is_role: bool) -> bool:
        """True when a role, or else a version of a function, is too young to be known."""
        for armed in self._about("newborns"):
            delay = armed.rule.role_delay_seconds if is_role else armed.rule.version_delay_seconds
            if age_seconds < delay and self._strikes(armed):
                self._take(armed.rule, name)
                return True
        return False

    def latency(self, rule: Rule) -> float:
        """How long this time, in seconds."""
        armed = self._armed.get(rule.id)
        random = self._chance(rule) if armed is None else armed.random
        match rule.latency_seconds:
            case (least, most):
                return random.uniform(least, most)
            case LogNormal() as distribution:
                return distribution.median * random.lognormvariate(0.0, distribution.sigma)
            case seconds:
                return float(seconds)

    def _chance(self, rule: Rule) -> Random:
        return Random(f"faults-{self._seed}-{rule.id}")

    def _about(self, subject: Subject) -> Iterator[_Armed]:
        return (armed for armed in self._armed.values() if armed.rule.subject == subject)

    def _at(self, job_id: str, step: int) -> Iterator[_Armed]:
        for armed in self._about("training"):
            if armed.rule.job_id in ("", job_id) and armed.rule.step in (None, step):
                yield armed

    def _strikes(self, armed: _Armed) -> bool:
        armed.seen += 1
        rule = armed.rule
        if armed.seen <= rule.skip or (rule.times is not None and armed.hits >= rule.times):
            return False
        if rule.probability < 1 and armed.random.random() >= rule.probability:
            return False
        armed.hits += 1
        return True

    def _take(self, rule: Rule, where: str) -> None:
        number = self.log[-1].number + 1 if self.log else 1
        taken = Taken(number=number, at=self._clock.now(), rule=rule.id or HEADER, what=describe(rule), where=where)
        self.log.append(taken)
        LOGGER.info("fault %d, %s: %s at %s", taken.number, taken.rule, taken.what, taken.where)
        if self._log_file is not None:
            with self._log_file.open("ab") as file:
                file.write(msgspec.json.encode(taken) + b"\n")


def _read_log(path: Path | None) -> Iterator[Taken]:
    """What former processes took; a line that a kill cut short is left out."""
    if path is None or not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=Taken)
