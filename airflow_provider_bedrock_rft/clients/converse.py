"""Inference with the native plane's models over Converse, and the choice between the two runtimes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import reading
from airflow_provider_bedrock_rft.core.errors import UnsupportedOperation
from airflow_provider_bedrock_rft.core.job.plane import Plane, plane_of_model
from airflow_provider_bedrock_rft.core.ports import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message, ModelRuntime

_FINISH_REASONS: Mapping[str, str] = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
_SYSTEM_ROLES = ("system", "developer")


class ConverseRuntime:
    """Native base models, inference profiles, deployments and provisioned models answer by id or ARN.

    Converse has no field for a seed: samples drawn at a temperature differ between runs.
    """

    def __init__(self, runtime: Any) -> None:  # noqa: ANN401 - boto3's client
        self._runtime = runtime

    def complete(self, request: CompletionRequest) -> Completion:
        """One completion; see :class:`~airflow_provider_bedrock_rft.core.ports.ModelRuntime`."""
        if request.api != "chat":
            raise UnsupportedOperation(
                f"{request.model} is a model of the native plane, which has no API {request.api!r}.",
                action="Leave out `api` for models of the native plane.",
            )
        started = time.perf_counter()
        with reading(f"Ask model {request.model}"):
            reply = self._runtime.converse(**parameters_of(request))
            return completion_in(reply, latency_ms=(time.perf_counter() - started) * 1000)


class EitherRuntime:
    """The runtime that has the model which is asked, by the one table of models."""

    def __init__(self, *, mantle: Callable[[], ModelRuntime], native: Callable[[], ModelRuntime]) -> None:
        self._runtimes: Mapping[Plane, Callable[[], ModelRuntime]] = {Plane.MANTLE: mantle, Plane.NATIVE: native}

    def complete(self, request: CompletionRequest) -> Completion:
        """One completion."""
        return self._runtimes[plane_of_model(request.model)]().complete(request)


def parameters_of(request: CompletionRequest) -> dict[str, object]:
    """A question as Converse takes it."""
    system = [{"text": message.content} for message in request.messages if message.role in _SYSTEM_ROLES]
    turns = [message for message in request.messages if message.role not in _SYSTEM_ROLES]
    parameters: dict[str, object] = {
        "modelId": request.model,
        "messages": _alternating(turns),
        "inferenceConfig": {"maxTokens": request.max_tokens, "temperature": request.temperature},
    }
    return parameters | ({"system": system} if system else {})


def _alternating(turns: Iterable[Message]) -> list[dict[str, Any]]:
    """Turns in a row by the same role become one: Converse wants roles to alternate."""
    made: list[dict[str, Any]] = []
    for turn in turns:
        block = {"text": turn.content}
        if made and made[-1]["role"] == turn.role:
            made[-1]["content"].append(block)
        else:
            made.append({"role": turn.role, "content": [block]})
    return made


def completion_in(reply: Mapping[str, Any], *, latency_ms: float) -> Completion:
    """The completion in a reply of Converse."""
    blocks = reply["output"]["message"].get("content") or []
    usage = reply.get("usage") or {}
    stop_reason = str(reply.get("stopReason") or "end_turn")
    return Completion(
        text="".join(str(block["text"]) for block in blocks if "text" in block),
        reasoning="".join(_reasoning_of(block) for block in blocks),
        finish_reason=_FINISH_REASONS.get(stop_reason, stop_reason),
        prompt_tokens=int(usage.get("inputTokens") or 0),
        completion_tokens=int(usage.get("outputTokens") or 0),
        latency_ms=latency_ms,
    )


def _reasoning_of(block: Mapping[str, Any]) -> str:
    reasoning = (block.get("reasoningContent") or {}).get("reasoningText") or {}
    return str(reasoning.get("text") or "")
