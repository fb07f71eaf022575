"""Inference over Mantle's chat completions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import reading
from airflow_provider_bedrock_rft.core.ports import Completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    import openai

    from airflow_provider_bedrock_rft.core.ports import CompletionRequest


class MantleRuntime:
    """Base models, tuned models and checkpoints answer by id, without a deployment."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client.with_options(max_retries=0)  # whoever asks many times must see every refusal

    def complete(self, request: CompletionRequest) -> Completion:
        """One completion; see :class:`~airflow_provider_bedrock_rft.core.ports.ModelRuntime`."""
        started = time.perf_counter()
        with reading(f"Ask model {request.model}"):
            reply: Any = self._client.post("/chat/completions", body=_body_of(request), cast_to=object)
            return _completion_in(reply, latency_ms=(time.perf_counter() - started) * 1000)


def _body_of(request: CompletionRequest) -> dict[str, object]:
    body: dict[str, object] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    return body


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


def _text_of(content: object) -> str:
    """Content is null when the budget went into reasoning, and may be a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else str(content)
