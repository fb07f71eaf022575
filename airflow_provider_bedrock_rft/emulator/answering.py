"""Runs policies for the inference routes, off the event loop's thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.judging import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.emulator.mantle.inference import Answer, Sampling
    from airflow_provider_bedrock_rft.emulator.mantle.models import Policy

JUDGES = frozenset(
    {
        "openai.gpt-oss-120b",
        "openai.gpt-oss-120b-1:0",
        "amazon.nova-pro-v1:0",
        "amazon.nova-lite-v1:0",
        "amazon.nova-micro-v1:0",
    }
)
_WARM_UP = ({"role": "user", "content": "What is 2 + 2?"},)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """An answer whose reasoning was not asked for."""

    text: str
    reasoning: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


class LocalAnswerer:
    """Answers with local-sim, one completion at a time; models that are never trained answer judges' prompts."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="policy")

    def warm_up(self) -> None:
        """Load what the first answer would otherwise wait for."""
        self._thread.submit(_answer, None, _WARM_UP, 0.0, 0, None)

    async def answer(
        self, policy: Policy, messages: Sequence[Mapping[str, str]], sampling: Sampling, seed: int
    ) -> Answer:
        """One completion; the same for the same seed."""
        if policy.base in JUDGES and (said := verdict(messages)) is not None:
            return _judged(messages, said)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            self._thread, _answer, policy.weights, messages, sampling.temperature, seed, sampling.max_tokens
        )
        if sampling.reasons or not answer.reasoning:
            return answer
        return PlainAnswer(
            text=answer.text,
            reasoning="",
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            finish_reason=answer.finish_reason,
        )

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _judged(messages: Sequence[Mapping[str, str]], said: str) -> PlainAnswer:
    n_read = sum(len(message["content"].split()) for message in messages)
    return PlainAnswer(
        text=said, reasoning="", prompt_tokens=n_read, completion_tokens=len(said.split()), finish_reason="stop"
    )


def _answer(
    weights: bytes | None,
    messages: Sequence[Mapping[str, str]],
    temperature: float,
    seed: int,
    max_tokens: int | None,
) -> Answer:
    from airflow_provider_bedrock_rft.emulator.learner.runtime import answer  # noqa: PLC0415 -- numpy is slow to load

    return answer(weights, list(messages), temperature=temperature, seed=seed, max_tokens=max_tokens)
