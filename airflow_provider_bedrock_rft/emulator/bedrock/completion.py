"""Completions at the runtime: which policy a model id means, and what it says."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.deployments import as_of as deployment_as_of
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, invalid
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import foundation_model
from airflow_provider_bedrock_rft.emulator.bedrock.throughput import as_of as throughput_as_of
from airflow_provider_bedrock_rft.emulator.mantle.inference import Sampling, words
from airflow_provider_bedrock_rft.emulator.mantle.models import Policy

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mantle.inference import Answerer

_DEFAULT_TEMPERATURE = 0.7
_MAX_CACHED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A conversation in plain text, and how to answer it."""

    messages: Sequence[Mapping[str, str]]
    temperature: float | None
    max_tokens: int | None
    stop: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What was said. ``stop_reason`` is in Converse's words."""

    text: str
    reasoning: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    latency_ms: int

    @property
    def usage(self) -> Json:
        """Token counts as Converse and Nova show them."""
        total = self.input_tokens + self.output_tokens
        return {"inputTokens": self.input_tokens, "outputTokens": self.output_tokens, "totalTokens": total}

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed."""
        return words(self.text)


class Completions:
    """Runs whatever a model id of the runtime means."""

    def __init__(
        self, models: Shelf, deployments: Shelf, throughputs: Shelf, answerer: Answerer, clock: EmulatorClock, seed: int
    ) -> None:
        self._models = models
        self._deployments = deployments
        self._throughputs = throughputs
        self._answerer = answerer
        self._clock = clock
        self._seeds = (seed * 1_000_003 + number for number in itertools.count())
        self._weights: dict[str, bytes | None] = {}

    async def complete(self, policy: Policy, question: Question) -> Completed:
        """One completion."""
        sampling = Sampling(
            temperature=_DEFAULT_TEMPERATURE if question.temperature is None else question.temperature,
            max_tokens=question.max_tokens,
            seed=None,
            reasons=policy.base.startswith("openai."),
        )
        started = time.monotonic()
        answer = await self._answerer.answer(policy, question.messages, sampling, next(self._seeds))
        text, stopped = _until(answer.text, question.stop)
        reason = "max_tokens" if answer.finish_reason == "length" else "end_turn"
        return Completed(
            text=text,
            reasoning=answer.reasoning,
            stop_reason="stop_sequence" if stopped else reason,
            input_tokens=answer.prompt_tokens,
            output_tokens=answer.completion_tokens,
            latency_ms=int((time.monotonic() - started) * 1000),
        )

    def policy(self, owner: str, identifier: str) -> Policy:
        """What answers for a model id, a deployment or Provisioned Throughput.

        Raises:
            BedrockError: nothing does, or not yet.
        """
        arn = self._deployed(owner, identifier) or self._provisioned(owner, identifier)
        custom = None if arn is None else self._models.find(owner, arn)
        if custom is not None:
            return self._custom(identifier, custom)
        base = foundation_model(arn or identifier)
        if base is None:
            raise invalid("The provided model identifier is invalid.")
        return Policy(model=identifier, base=base.model_id, weights=None)

    def batch_policy(self, owner: str, identifier: str) -> Policy:
        """What answers in a batch job: a base, or a custom model itself.

        Raises:
            BedrockError: nothing does.
        """
        custom = self._models.find(owner, identifier)
        return self.policy(owner, identifier) if custom is None else self._custom(identifier, custom)

    def _custom(self, identifier: str, custom: Json) -> Policy:
        base_id = str(custom["foundationModelArn"]).rpartition("/")[2]
        return Policy(model=identifier, base=base_id, weights=self._load(custom["weights"]))

    def _deployed(self, owner: str, identifier: str) -> str | None:
        found = self._deployments.find(owner, identifier) if ":custom-model-deployment/" in identifier else None
        return None if found is None else _ready(deployment_as_of(found, self._clock.now()), {"Active"})

    def _provisioned(self, owner: str, identifier: str) -> str | None:
        found = self._throughputs.find(owner, identifier) if ":provisioned-model/" in identifier else None
        return None if found is None else _ready(throughput_as_of(found, self._clock.now()), {"InService", "Updating"})

    def _load(self, name: str) -> bytes | None:
        """Weights by their blob; none where there are none that local-sim can read, and the base answers."""
        if name not in self._weights:
            if len(self._weights) >= _MAX_CACHED:
                self._weights.clear()
            self._weights[name] = self._models.store.blob(name) or None
        return self._weights[name]


def _ready(document: Json, statuses: set[str]) -> str:
    if document["status"] not in statuses:
        raise BedrockError("ModelNotReadyException", "The model is not ready for inference. Try again later.")
    return str(document["modelArn"])


def _until(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop sequence, and whether there was one."""
    places = [place for sequence in stop if (place := text.find(sequence)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
