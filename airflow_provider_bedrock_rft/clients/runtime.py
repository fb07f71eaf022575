"""Inference over Mantle's two ways of asking: chat completions and responses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import reading
from airflow_provider_bedrock_rft.core.errors import ServiceUnavailable
from airflow_provider_bedrock_rft.core.ports import Completion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bedrock_rft.clients.runtime_http import JsonEndpoint
    from airflow_provider_bedrock_rft.core.ports import CompletionRequest

MIN_RESPONSE_TOKENS = 16
"""Responses refuses a smaller bound."""


class MantleRuntime:
    """Base models, tuned models and checkpoints answer by id, without a deployment."""

    def __init__(self, endpoint: JsonEndpoint) -> None:
        self._endpoint = endpoint

    def complete(self, request: CompletionRequest) -> Completion:
        """One completion; see :class:`~airflow_provider_bedrock_rft.core.ports.ModelRuntime`."""
        started = time.perf_counter()
        with reading(f"Ask model {request.model}"):
            if request.api == "responses":
                reply = self._endpoint.post("/responses", _response_body_of(request))
                return _response_in(reply, latency_ms=(time.perf_counter() - started) * 1000)
            reply = self._endpoint.post("/chat/completions", _body_of(request))
            return _completion_in(reply, latency_ms=(time.perf_counter() - started) * 1000)


def _body_of(request: CompletionRequest) -> dict[str, object]:
    body: dict[str, object] = {
        "model": request.model,
        "messages": _turns_of(request),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    return body


def _response_body_of(request: CompletionRequest) -> dict[str, object]:
    """Responses has no seed, and stores what it is asked unless told otherwise."""
    return {
        "model": request.model,
        "input": _turns_of(request),
        "max_output_tokens": max(MIN_RESPONSE_TOKENS, request.max_tokens),
        "temperature": request.temperature,
        "store": False,
    }


def _turns_of(request: CompletionRequest) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in request.messages]


def _completion_in(reply: Mapping[str, Any], *, latency_ms: float) -> Completion:
    choice = (reply.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    usage = reply.get("usage") or {}
    return Completion(
        text=_text_of(message.get("content")),
        reasoning=_text_of(message.get("reasoning") or message.get("reasoning_content")),
        finish_reason=str(choice.get("finish_reason") or "stop"),
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        latency_ms=latency_ms,
    )


def _response_in(reply: Mapping[str, Any], *, latency_ms: float) -> Completion:
    if reply.get("status") == "failed":
        raise ServiceUnavailable(f"The model failed: {(reply.get('error') or {}).get('message') or 'no reason given'}.")
    items = reply["output"]
    usage = reply.get("usage") or {}
    return Completion(
        text="".join(_parts_of(items, "message")),
        reasoning="".join(_parts_of(items, "reasoning")),
        finish_reason=_finish_reason_of(reply),
        prompt_tokens=int(usage.get("input_tokens") or 0),
        completion_tokens=int(usage.get("output_tokens") or 0),
        latency_ms=latency_ms,
    )


def _parts_of(items: Iterable[Mapping[str, Any]], kind: str) -> Iterable[str]:
    for item in items:
        if item.get("type") == kind:
            yield _text_of(item.get("content") or item.get("summary"))


def _finish_reason_of(reply: Mapping[str, Any]) -> str:
    if reply.get("status") == "completed":
        return "stop"
    reason = (reply.get("incomplete_details") or {}).get("reason")
    return "length" if reason == "max_output_tokens" else str(reason or reply.get("status") or "stop")


def _text_of(content: object) -> str:
    """Content is null when the budget went into reasoning, and may be a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else str(content)
