"""Calling the policy as a model: one answer to one conversation, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion, complete, count_tokens
from airflow_provider_bedrock_rft.emulator.learner.reading.messages import Message, full_text
from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt, read_prompt
from airflow_provider_bedrock_rft.emulator.learner.sampling import GREEDY_BELOW, Memory, Sampler
from airflow_provider_bedrock_rft.emulator.learner.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says. ``finish_reason`` is "stop", or "length" where ``max_tokens`` cut it."""

    text: str
    reasoning: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


def answer(
    weights: bytes | None,
    messages: Sequence[Message],
    *,
    temperature: float,
    seed: int,
    max_tokens: int | None,
) -> Answer:
    """Answer a conversation; ``weights`` as the worker packed them, None for the base. Equal arguments, equal answers.

    Raises:
        MalformedWeights: if ``weights`` are none.
    """
    conversation = json.dumps(messages, sort_keys=True)
    prompt, n_prompt_tokens = _read(conversation)
    temperature = temperature if temperature >= GREEDY_BELOW else 0.0
    memory = _memory(weights, conversation, temperature)
    sampler = Sampler(_weights(weights), Random(seed).random, temperature, is_training=False, memory=memory)
    completion: Completion = complete(prompt, sampler, max_tokens=max_tokens)
    return Answer(
        text=completion.text,
        reasoning=completion.reasoning,
        prompt_tokens=n_prompt_tokens,
        completion_tokens=completion.n_tokens,
        finish_reason="length" if completion.is_cut else "stop",
    )


@lru_cache(maxsize=32)
def _weights(packed: bytes | None) -> FloatArray:
    return base_weights() if packed is None else load_weights(packed)


@lru_cache(maxsize=512)
def _read(conversation: str) -> tuple[Prompt, int]:
    messages: list[Mapping[str, object]] = json.loads(conversation)
    return read_prompt(messages), count_tokens(full_text(messages))


@lru_cache(maxsize=128)
def _memory(_weights: bytes | None, _conversation: str, _temperature: float) -> Memory:
    return Memory()
