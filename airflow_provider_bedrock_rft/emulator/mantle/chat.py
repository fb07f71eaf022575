"""``/v1/chat/completions``."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, StreamReply, encode, reply
from airflow_provider_bedrock_rft.emulator.mantle.body import optional, read_object, required
from airflow_provider_bedrock_rft.emulator.mantle.errors import invalid_value
from airflow_provider_bedrock_rft.emulator.mantle.inference import (
    Answer,
    Inference,
    Sampling,
    read_effort,
    read_messages,
    read_temperature,
    read_tier,
    server_sent,
    usage,
    words,
)
from airflow_provider_bedrock_rft.emulator.upstream import with_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.upstream import Upstream

FINGERPRINT = "local-sim"
_MAX_N = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    """What all chunks of one completion say alike."""

    id: str
    created: int
    model: str


class Chat:
    """Chat completions, whole or streamed."""

    def __init__(self, inference: Inference, clock: EmulatorClock, upstream: Upstream | None = None) -> None:
        self._inference = inference
        self._clock = clock
        self._upstream = upstream

    async def route(self, request: Request, segments: list[str]) -> Reply | StreamReply | None:
        """Answer a request below ``/v1/chat``; None where there is no such operation."""
        if request.method != "POST" or segments != ["completions"]:
            return None
        body = read_object(request)
        model = required(body, "model", str)
        messages = read_messages(required(body, "messages", list))
        sampling, n = _sampling(body), _count(body)
        policy = self._inference.policy(request.owner, model)
        there = None if self._upstream is None else self._upstream.model_of(policy)
        if self._upstream is not None and there is not None:
            return await _forwarded(self._upstream, {**body, "model": there}, model)
        answers = await self._inference.complete(policy, messages, sampling, n=n)
        completion = _Completion(id=f"chatcmpl-{uuid.uuid4()}", created=int(self._clock.now()), model=model)
        if optional(body, "stream", bool):
            wants_usage = bool((optional(body, "stream_options", dict) or {}).get("include_usage"))
            return StreamReply(chunks=_stream(completion, answers, reasons=sampling.reasons, wants_usage=wants_usage))
        return reply(_whole(completion, answers, reasons=sampling.reasons))


async def _forwarded(upstream: Upstream, body: Json, model: str) -> Reply | StreamReply:
    """The other server's answer to the request as it came, but for the names of the model."""
    if not body.get("stream"):
        return reply(with_model(await upstream.chat(body), model))
    return StreamReply(chunks=_passed_on(await upstream.stream(body), model))


async def _passed_on(chunks: AsyncIterator[Json], model: str) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield server_sent(encode(with_model(chunk, model)))
    yield server_sent(b"[DONE]")


def _sampling(body: Json) -> Sampling:
    limits = [optional(body, name, int) for name in ("max_completion_tokens", "max_tokens")]
    for name, limit in zip(("max_completion_tokens", "max_tokens"), limits, strict=True):
        if limit is not None and limit < 1:
            raise invalid_value(name, f"{limit} is less than 1")
    read_tier(body.get("service_tier"))
    return Sampling(
        temperature=read_temperature(optional(body, "temperature", float)),
        max_tokens=min((limit for limit in limits if limit is not None), default=None),
        seed=optional(body, "seed", int),
        reasons=read_effort(body.get("reasoning_effort")),
    )


def _count(body: Json) -> int:
    n = optional(body, "n", int)
    if n is not None and not 1 <= n <= _MAX_N:
        raise invalid_value("n", f"{n} is not between 1 and {_MAX_N}")
    return n or 1


def _whole(completion: _Completion, answers: Sequence[Answer], *, reasons: bool) -> Json:
    return {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": [_choice(index, answer, reasons=reasons) for index, answer in enumerate(answers)],
        "usage": usage(answers),
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _choice(index: int, answer: Answer, *, reasons: bool) -> Json:
    """The content is null when the whole budget went into reasoning."""
    message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if reasons and answer.reasoning:
        message["reasoning"] = answer.reasoning
    if answer.finish_reason != "length":
        message["content"] = answer.text
    return {"index": index, "finish_reason": answer.finish_reason, "logprobs": None, "message": message}


async def _stream(
    completion: _Completion, answers: Sequence[Answer], *, reasons: bool, wants_usage: bool
) -> AsyncIterator[bytes]:
    for index, answer in enumerate(answers):
        yield _chunk(completion, index, {"role": "assistant", "content": ""})
        for word in words(answer.reasoning) if reasons else ():
            yield _chunk(completion, index, {"reasoning": word})
        for word in words(answer.text):
            yield _chunk(completion, index, {"content": word})
        yield _chunk(completion, index, {}, finish_reason=answer.finish_reason)
    if wants_usage:
        yield server_sent(encode({**_head(completion), "choices": [], "usage": usage(answers)}))
    yield server_sent(b"[DONE]")


def _chunk(completion: _Completion, index: int, delta: Json, *, finish_reason: str | None = None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return server_sent(encode({**_head(completion), "choices": [choice]}))


def _head(completion: _Completion) -> Json:
    return {
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": FINGERPRINT,
    }
