"""``/v1/responses``: for the families that have it, whole or streamed, stored unless told otherwise."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, StreamReply, encode, reply
from airflow_provider_bedrock_rft.emulator.mantle.body import optional, read_object, required
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, cannot_read, invalid_value
from airflow_provider_bedrock_rft.emulator.mantle.inference import (
    Answer,
    Inference,
    Sampling,
    count_reasoning,
    flatten,
    read_effort,
    read_messages,
    read_temperature,
    read_tier,
    server_sent,
    words,
)
from airflow_provider_bedrock_rft.emulator.store import Drop, Put, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock

KIND = "response"
FAMILIES = ("openai.gpt-oss",)
MIN_OUTPUT_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """A finished response and the two items of its output."""

    body: Json
    answer: Answer
    reasoning: Json | None
    message: Json


class Responses:
    """The Responses API over the same policies as chat."""

    def __init__(self, store: Store, inference: Inference, clock: EmulatorClock) -> None:
        self._store = store
        self._inference = inference
        self._clock = clock

    async def route(self, request: Request, segments: list[str]) -> Reply | StreamReply | None:
        """Answer a request below ``/v1/responses``; None where there is no such operation."""
        match request.method, segments:
            case "POST", []:
                return await self._create(request)
            case "GET", [response_id]:
                return Reply(body=self._known(request, response_id))
            case "DELETE", [response_id]:
                self._known(request, response_id)
                await self._store.commit(Drop(kind=KIND, owner=request.owner, id=response_id))
                return reply({"id": response_id, "object": "response", "deleted": True})
            case _:
                return None

    async def _create(self, request: Request) -> Reply | StreamReply:
        body = read_object(request)
        model = required(body, "model", str)
        policy = self._inference.policy(request.owner, model)
        if not policy.base.startswith(FAMILIES):
            raise MantleError(f"The model '{model}' does not support the '/v1/responses' API", param="model")
        sampling = _sampling(body)
        answer = (await self._inference.complete(policy, _messages(body), sampling))[0]
        outcome = _outcome(body, answer, reasons=sampling.reasons, created_at=int(self._clock.now()))
        if body.get("store") is not False:
            document = encode(outcome.body)
            await self._store.commit(Put(kind=KIND, owner=request.owner, id=outcome.body["id"], body=document))
        if optional(body, "stream", bool):
            return StreamReply(chunks=_stream(outcome))
        return reply(outcome.body)

    def _known(self, request: Request, response_id: str) -> bytes:
        body = self._store.get(KIND, request.owner, response_id)
        if body is None:
            raise MantleError(f"Response '{response_id}' not found", status=404, code="not_found", param="response_id")
        return body


def _sampling(body: Json) -> Sampling:
    limit = optional(body, "max_output_tokens", int)
    if limit is not None and limit < MIN_OUTPUT_TOKENS:
        raise invalid_value("max_output_tokens", f"expected at least {MIN_OUTPUT_TOKENS}, got {limit}")
    read_tier(body.get("service_tier"))
    return Sampling(
        temperature=read_temperature(optional(body, "temperature", float)),
        max_tokens=limit,
        seed=None,
        reasons=read_effort((optional(body, "reasoning", dict) or {}).get("effort")),
    )


def _messages(body: Json) -> list[dict[str, str]]:
    given = body.get("input")
    instructions = optional(body, "instructions", str)
    first = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*first, {"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise cannot_read("input must be a string or a non-empty list", "input")
    spoken = [item for item in given if isinstance(item, dict) and item.get("type", "message") == "message"]
    turns = [{"role": item.get("role"), "content": flatten(item.get("content"), "input")} for item in spoken]
    return [*first, *read_messages(turns)]


def _outcome(body: Json, answer: Answer, *, reasons: bool, created_at: int) -> _Outcome:
    cut = answer.finish_reason == "length"
    reasoning: Json | None = None
    if reasons and answer.reasoning:
        thought = {"type": "reasoning_text", "text": answer.reasoning}
        reasoning = {
            "type": "reasoning",
            "id": f"rs_{uuid.uuid4().hex}",
            "summary": [],
            "content": [thought],
            "status": "completed",
        }
    message: Json = {
        "type": "message",
        "id": f"msg_{uuid.uuid4().hex}",
        "role": "assistant",
        "status": "incomplete" if cut else "completed",
        "content": [_text_part(answer.text)],
    }
    output = [item for item in (reasoning, message) if item is not None]
    response = {
        **_frame(body, created_at),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output,
        "usage": _usage(answer),
    }
    return _Outcome(body=response, answer=answer, reasoning=reasoning, message=message)


def _frame(body: Json, created_at: int) -> Json:
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": created_at,
        "model": body["model"],
        "error": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": body.get("reasoning") or {},
        "service_tier": "default",
        "store": body.get("store") is not False,
        "temperature": read_temperature(body.get("temperature")),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "background": False,
    }


def _usage(answer: Answer) -> Json:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": count_reasoning(answer)},
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


async def _stream(outcome: _Outcome) -> AsyncIterator[bytes]:
    for number, (kind, fields) in enumerate(_events(outcome)):
        yield server_sent(encode({"type": kind, "sequence_number": number, **fields}), kind)


def _events(outcome: _Outcome) -> Iterator[tuple[str, Json]]:
    started = {**outcome.body, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield "response.created", {"response": started}
    yield "response.in_progress", {"response": started}
    index = itertools.count()
    if outcome.reasoning is not None:
        yield from _reasoning_events(outcome.reasoning, outcome.answer.reasoning, next(index))
    yield from _message_events(outcome.message, outcome.answer.text, next(index))
    yield f"response.{outcome.body['status']}", {"response": outcome.body}


def _reasoning_events(item: Json, text: str, output_index: int) -> Iterator[tuple[str, Json]]:
    place = {"item_id": item["id"], "output_index": output_index, "content_index": 0}
    opened = {**item, "content": [], "status": "in_progress"}
    yield "response.output_item.added", {"output_index": output_index, "item": opened}
    yield "response.reasoning_part.added", {**place, "part": {"type": "reasoning_text", "text": ""}}
    for word in words(text):
        yield "response.reasoning_text.delta", {**place, "delta": word}
    yield "response.reasoning_text.done", {**place, "text": text}
    yield "response.reasoning_part.done", {**place, "part": {"type": "reasoning_text", "text": text}}
    yield "response.output_item.done", {"output_index": output_index, "item": item}


def _message_events(item: Json, text: str, output_index: int) -> Iterator[tuple[str, Json]]:
    place = {"item_id": item["id"], "output_index": output_index, "content_index": 0}
    opened = {**item, "content": [], "status": "in_progress"}
    yield "response.output_item.added", {"output_index": output_index, "item": opened}
    yield "response.content_part.added", {**place, "part": _text_part("")}
    for word in words(text):
        yield "response.output_text.delta", {**place, "delta": word, "logprobs": []}
    yield "response.output_text.done", {**place, "text": text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": _text_part(text)}
    yield "response.output_item.done", {"output_index": output_index, "item": item}
