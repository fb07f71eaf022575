"""Asking a policy: what chat completions and responses have in common."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.emulator.mantle.errors import cannot_read, invalid_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mantle.models import Models, Policy

EFFORTS = {"none", "minimal", "low", "medium", "high"}
TIERS = {"auto", "default", "flex", "priority"}
_ROLES = {"system", "developer", "user", "assistant", "tool"}
_WORDS = re.compile(r"\S+\s*|\s+")


class Answer(Protocol):
    """A completion. ``completion_tokens`` counts reasoning and text; ``finish_reason`` is stop or length."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def reasoning(self) -> str: ...  # noqa: D102
    @property
    def prompt_tokens(self) -> int: ...  # noqa: D102
    @property
    def completion_tokens(self) -> int: ...  # noqa: D102
    @property
    def finish_reason(self) -> str: ...  # noqa: D102


class Answerer(Protocol):
    """Runs policies."""

    async def answer(
        self, policy: Policy, messages: Sequence[Mapping[str, str]], sampling: Sampling, seed: int
    ) -> Answer:
        """One completion; the same for the same seed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. ``seed`` None gives another completion each time."""

    temperature: float
    max_tokens: int | None
    seed: int | None
    reasons: bool


class Inference:
    """Completions of any model that an owner may call."""

    def __init__(self, models: Models, answerer: Answerer, seed: int) -> None:
        self._models = models
        self._answerer = answerer
        self._seeds = (seed * 1_000_003 + number for number in itertools.count())

    def policy(self, owner: str, model: str) -> Policy:
        """What answers for ``model``; raises MantleError if nothing does."""
        return self._models.policy(owner, model)

    async def complete(
        self, policy: Policy, messages: Sequence[Mapping[str, str]], sampling: Sampling, *, n: int = 1
    ) -> list[Answer]:
        """``n`` completions of one prompt."""
        seeds = [next(self._seeds) if sampling.seed is None else sampling.seed + number for number in range(n)]
        return [await self._answerer.answer(policy, messages, sampling, seed) for seed in seeds]


def read_temperature(value: float | None) -> float:
    """The temperature asked for; 1 when none is."""
    if value is None:
        return 1.0
    if not 0 <= value <= 2:
        raise invalid_value("temperature", f"{value} is not between 0 and 2")
    return value


def read_effort(value: object) -> bool:
    """True when the model is to reason."""
    if value is not None and value not in EFFORTS:
        raise cannot_read(
            f"unknown variant `{value}`, expected one of {', '.join(sorted(EFFORTS))}", "reasoning_effort"
        )
    return value != "none"


def read_tier(value: object) -> None:
    """Refuse service tiers that do not exist here."""
    if value is not None and value not in TIERS:
        raise cannot_read(f"unknown variant `{value}`, expected one of {', '.join(sorted(TIERS))}", "service_tier")


def read_messages(value: Sequence[object]) -> list[dict[str, str]]:
    """Messages with their content as plain text."""
    if not value:
        raise invalid_value("messages", "at least one message is needed")
    return [_message(item, number) for number, item in enumerate(value)]


def _message(item: object, number: int) -> dict[str, str]:
    where = f"messages[{number}]"
    if not isinstance(item, dict):
        raise cannot_read(f"{where} must be an object", "messages")
    role = item.get("role")
    if role not in _ROLES:
        raise cannot_read(f"{where}.role: unknown variant `{role}`", "messages")
    return {"role": role, "content": flatten(item.get("content"), f"{where}.content")}


def flatten(content: object, where: str) -> str:
    """The text of a content that is a string, a list of text parts, or null."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise cannot_read(f"{where} must be a string or a list", "messages")
    return "".join(_part(part, where) for part in content)


def _part(part: object, where: str) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise cannot_read(f"{where} may hold text parts only", "messages")
    return text


def words(text: str) -> list[str]:
    """The pieces in which a text is streamed."""
    return _WORDS.findall(text)


def count_reasoning(answer: Answer) -> int:
    """How many of the completion's tokens went into reasoning, by its share of the words."""
    thought, said = len(words(answer.reasoning)), len(words(answer.text))
    return answer.completion_tokens * thought // max(1, thought + said)


def server_sent(data: bytes, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


def usage(answers: Sequence[Answer]) -> Json:
    """Token counts of completions of one prompt."""
    prompt = answers[0].prompt_tokens
    completion = sum(answer.completion_tokens for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": sum(map(count_reasoning, answers))},
    }
