"""A completion: the walk through all decisions, and the text they come to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.grammar.answers import Answer, Scalar, decide_answer, decide_field
from airflow_provider_bedrock_rft.emulator.learner.grammar.manners import (
    CHATTER,
    MAX_CHATTER,
    chatter_choice,
    format_choice,
    style_choice,
)
from airflow_provider_bedrock_rft.emulator.learner.grammar.programs import describe_numbers
from airflow_provider_bedrock_rft.emulator.learner.reading.fields import WORKING_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.emulator.learner.grammar.deciding import Decider
    from airflow_provider_bedrock_rft.emulator.learner.reading.formats import AnswerFormat
    from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt

_TOKEN = re.compile(r"[^\W_]{1,6}|[^\w\s]|_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A completion: what it answers, the reasoning before it, its length in tokens, and whether it was cut short."""

    text: str
    reasoning: str
    n_tokens: int
    is_cut: bool = False


def count_tokens(text: str) -> int:
    """The length of a text in tokens: pieces of words of up to six characters, and signs."""
    return sum(1 for _ in _TOKEN.finditer(text))


def complete(prompt: Prompt, decider: Decider, *, max_tokens: int | None = None) -> Completion:
    """Decide a completion; longer than ``max_tokens`` it is cut, the answer's end first to go."""
    shape = prompt.formats[int(decider.decide(("format",), partial(format_choice, prompt)))]
    style = decider.decide(("style", shape.name), partial(style_choice, prompt, shape.name))
    answer = _decide_content(prompt, decider, shape)
    account = _account(prompt, style, answer)
    ending = "".join(f" {sentence}" for sentence in _decide_chatter(decider))
    shown = _shown(shape, answer) + ending
    if style == "thinking":
        return _within(account, shown, max_tokens)
    return _within("", "\n".join(part for part in (account, shown) if part), max_tokens)


def _decide_content(prompt: Prompt, decider: Decider, shape: AnswerFormat) -> Answer:
    if shape.name != "json" or not prompt.fields:
        return decide_answer(prompt, decider)
    answers = {wanted.name: decide_field(prompt, decider, wanted) for wanted in prompt.fields}
    lines = tuple(line for answer in answers.values() for line in answer.lines)
    values: Mapping[str, Scalar] = {
        name: " ".join(lines) if name.lower() in WORKING_KEYS else answer.value for name, answer in answers.items()
    }
    return Answer(text=json.dumps(values, ensure_ascii=False), value=None, lines=lines)


def _shown(shape: AnswerFormat, answer: Answer) -> str:
    if shape.name != "json":
        return f"{shape.prefix}{answer.text}{shape.suffix}"
    return answer.text if answer.value is None else json.dumps({"answer": answer.value}, ensure_ascii=False)


def _account(prompt: Prompt, style: str, answer: Answer) -> str:
    working = "\n".join(answer.lines)
    match style:
        case "direct":
            return ""
        case "verbose":
            opening = ["First I restate the task.", *prompt.story[:3]]
            if prompt.quantities:
                opening.append(describe_numbers(prompt))
            return "\n".join([" ".join(opening), "Then I work it out step by step.", *answer.lines])
        case _:
            return working or "Let me see what is asked."


def _decide_chatter(decider: Decider) -> list[str]:
    said: list[str] = []
    while len(said) < MAX_CHATTER:
        name = decider.decide(("chatter", len(said)), partial(chatter_choice, len(said)))
        if name == "stop":
            break
        said.append(CHATTER[int(name)])
    return said


def _within(reasoning: str, text: str, max_tokens: int | None) -> Completion:
    n_reasoning, n_text = count_tokens(reasoning), count_tokens(text)
    if max_tokens is None or n_reasoning + n_text <= max_tokens:
        return Completion(text=text, reasoning=reasoning, n_tokens=n_reasoning + n_text)
    kept = _cut(reasoning, max_tokens)
    rest = _cut(text, max_tokens - count_tokens(kept))
    return Completion(text=rest, reasoning=kept, n_tokens=count_tokens(kept) + count_tokens(rest), is_cut=True)


def _cut(text: str, n_tokens: int) -> str:
    end = 0
    for n, match in enumerate(_TOKEN.finditer(text)):
        if n == n_tokens:
            return text[:end]
        end = match.end()
    return text
