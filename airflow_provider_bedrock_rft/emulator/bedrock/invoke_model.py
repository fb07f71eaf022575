"""``InvokeModel`` and its stream, in the body formats of Nova and of OpenAI-like models."""

from __future__ import annotations

import base64
import json
import math
import time
import uuid
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completed, Completions, Question
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.eventstream import CONTENT_TYPE, event
from airflow_provider_bedrock_rft.emulator.bedrock.training_data import text_of
from airflow_provider_bedrock_rft.emulator.exchange import Reply, StreamReply, encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.invocation_logs import InvocationLogs
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}


class Invocations:
    """Calls in a model's own format."""

    def __init__(self, completions: Completions, logs: InvocationLogs) -> None:
        self._completions = completions
        self._logs = logs

    @serves(
        "InvokeModel", "documented", "Nova's format for Amazon's models, chat completions for the others; text only"
    )
    async def invoke(self, call: Call) -> Reply:
        """The whole answer."""
        done, answer, _ = await self._answer(call)
        headers = (
            ("x-amzn-bedrock-input-token-count", str(done.input_tokens)),
            ("x-amzn-bedrock-output-token-count", str(done.output_tokens)),
            ("x-amzn-bedrock-invocation-latency", str(done.latency_ms)),
        )
        return Reply(body=encode(answer), headers=headers)

    @serves("InvokeModelWithResponseStream", "documented", "word by word; as InvokeModel otherwise")
    async def stream(self, call: Call) -> StreamReply:
        """The answer as chunks of the model's own format."""
        done, _, is_nova = await self._answer(call)
        headers = (("x-amzn-bedrock-content-type", "application/json"),)
        chunks = _nova_chunks(done) if is_nova else _chat_chunks(done, call.params["modelId"])
        return StreamReply(chunks=_framed(chunks), content_type=CONTENT_TYPE, headers=headers)

    async def _answer(self, call: Call) -> tuple[Completed, Json, bool]:
        policy = self._completions.policy(call.owner, call.params["modelId"])
        raw = call.params.get("body") or b""
        is_nova = policy.base.startswith("amazon.")
        done = await self._completions.complete(policy, read_question(raw, is_nova=is_nova))
        answer = to_answer(done, policy.model, is_nova=is_nova)
        self._logs.note(call, _body(raw), answer, done, _metadata(call.params.get("requestMetadata")))
        return done, answer, is_nova


def _body(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        raise invalid("Malformed input request, please reformat your input and try again.") from None
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise invalid("Malformed input request: messages must be a list, please reformat your input and try again.")
    return body


def to_answer(done: Completed, model: str, *, is_nova: bool) -> Json:
    """The reply in the model's own format."""
    return _nova(done) if is_nova else _chat(done, model)


def read_question(raw: bytes, *, is_nova: bool) -> Question:
    """The conversation in a body in the model's own format.

    Raises:
        BedrockError: the body is malformed.
    """
    body = _body(raw)
    settings = body.get("inferenceConfig") if is_nova else body
    settings = settings if isinstance(settings, dict) else {}
    standing = text_of(body.get("system"))
    messages = [{"role": "system", "content": standing}] if standing else []
    messages += [_message(item) for item in body["messages"]]
    stop = settings.get("stopSequences") or settings.get("stop") or ()
    return Question(
        messages=messages,
        temperature=_number(settings, "temperature", 0, 2),
        max_tokens=_tokens(settings),
        stop=[stop] if isinstance(stop, str) else [str(item) for item in stop],
    )


def _message(item: object) -> Json:
    if not isinstance(item, dict) or item.get("role") not in {"system", "user", "assistant", "developer"}:
        raise invalid("Malformed input request: each message needs a role, please reformat your input and try again.")
    return {"role": item["role"], "content": text_of(item.get("content"))}


def _tokens(settings: Json) -> int | None:
    for name in ("maxTokens", "max_new_tokens", "max_completion_tokens", "max_tokens"):
        if (value := _number(settings, name, 1, 1_000_000)) is not None:
            return int(value)
    return None


def _number(settings: Json, name: str, least: float, most: float) -> float | None:
    value = settings.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not least <= value <= most:
        raise invalid(f"Malformed input request: {name} must be between {least:g} and {most:g}.")
    return value


def _nova(done: Completed) -> Json:
    message = {"role": "assistant", "content": [{"text": done.text}]}
    return {"output": {"message": message}, "stopReason": done.stop_reason, "usage": done.usage}


def _chat(done: Completed, model: str) -> Json:
    text = f"<reasoning>{done.reasoning}</reasoning>{done.text}" if done.reasoning else done.text
    usage = {
        "prompt_tokens": done.input_tokens,
        "completion_tokens": done.output_tokens,
        "total_tokens": done.input_tokens + done.output_tokens,
    }
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "finish_reason": _FINISH[done.stop_reason], "message": message, "logprobs": None}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": usage}


def _nova_chunks(done: Completed) -> Iterator[Json]:
    yield {"messageStart": {"role": "assistant"}}
    for piece in done.pieces:
        yield {"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}}
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    yield {"messageStop": {"stopReason": done.stop_reason}}
    yield {"metadata": {"usage": done.usage, "metrics": {}, "trace": {}}}


def _chat_chunks(done: Completed, model: str) -> Iterator[Json]:
    head = _head(model, "chat.completion.chunk")
    for piece in done.pieces:
        yield {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _FINISH[done.stop_reason]}]}


def _head(model: str, kind: str) -> Json:
    return {"id": f"chatcmpl-{uuid.uuid4()}", "object": kind, "created": int(time.time()), "model": model}


async def _framed(chunks: Iterator[Json]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield event("chunk", {"bytes": base64.b64encode(encode(chunk)).decode("ascii")})


def _metadata(text: str | None) -> Json | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        raise invalid("requestMetadata is not a JSON object.") from None
    return found if isinstance(found, dict) else None
