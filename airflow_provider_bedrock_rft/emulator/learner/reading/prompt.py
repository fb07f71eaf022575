"""A prompt, read once: everything the policy may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.features import (
    Bag,
    bag_of,
    incidental_tokens,
    normalised_tokens,
    phrases,
)
from airflow_provider_bedrock_rft.emulator.learner.reading.fields import Field, find_fields
from airflow_provider_bedrock_rft.emulator.learner.reading.formats import AnswerFormat, find_formats
from airflow_provider_bedrock_rft.emulator.learner.reading.messages import Message, split_roles
from airflow_provider_bedrock_rft.emulator.learner.reading.options import Option, find_options, without_lettered
from airflow_provider_bedrock_rft.emulator.learner.reading.quantities import Quantity, find_quantities
from airflow_provider_bedrock_rft.emulator.learner.reading.sentences import (
    is_instruction,
    question_of,
    split_sentences,
    story_of,
)
from airflow_provider_bedrock_rft.emulator.learner.reading.spans import Span, find_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PHRASES = 160
_CONSTANTS = {
    "week": 7.0,
    "year": 12.0,
    "month": 12.0,
    "day": 24.0,
    "hour": 60.0,
    "minute": 60.0,
    "cent": 100.0,
    "both": 2.0,
    "pair": 2.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What was read; ``constants`` are the numbers that the units of the story bring along (a week: 7)."""

    story: tuple[str, ...]
    question_words: frozenset[str]
    quantities: tuple[Quantity, ...]
    constants: tuple[float, ...]
    formats: tuple[AnswerFormat, ...]
    options: tuple[Option, ...]
    fields: tuple[Field, ...]
    spans: tuple[Span, ...]
    story_bag: Bag
    question_bag: Bag
    instruction_bag: Bag
    manner_bag: Bag


def read_prompt(messages: Sequence[Message]) -> Prompt:
    """Read a conversation; any text is readable, also none."""
    standing, asked = split_roles(messages)
    sentences = split_sentences(asked)
    story = story_of(sentences)
    told = " ".join(story_of(split_sentences(without_lettered(asked))))
    instructions = "\n".join([standing, *filter(is_instruction, sentences)])
    question = question_of(story)
    tokens = normalised_tokens(told)
    return Prompt(
        story=story,
        question_words=frozenset(normalised_tokens(question)),
        quantities=find_quantities(told),
        constants=tuple(dict.fromkeys(_constants(tokens))),
        formats=find_formats(instructions),
        options=find_options(f"{standing}\n{asked}"),
        fields=find_fields(f"{standing}\n{asked}"),
        spans=find_spans("\n".join(story)),
        story_bag=bag_of(phrases(tokens), MAX_PHRASES),
        question_bag=bag_of(phrases(normalised_tokens(question)), MAX_PHRASES // 2),
        instruction_bag=bag_of(phrases(normalised_tokens(instructions)), MAX_PHRASES // 2),
        manner_bag=bag_of((str(hash_bucket(token)) for token in incidental_tokens(told)), 16),
    )


def hash_bucket(token: str) -> int:
    """One of 64 buckets for a word that carries no meaning."""
    return sum(token.encode("utf-8", "surrogatepass")) % 64


def _constants(tokens: Sequence[str]) -> list[float]:
    return [value for token in tokens if (value := _CONSTANTS.get(token) or _CONSTANTS.get(token.removesuffix("s")))]
