"""``Converse`` and ``ConverseStream``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completed, Completions, Question
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.eventstream import CONTENT_TYPE, event
from airflow_provider_bedrock_rft.emulator.exchange import StreamReply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.invocation_logs import InvocationLogs
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_NOT_HERE = ("toolConfig", "guardrailConfig", "promptVariables", "outputConfig")
_LOGGED = ("messages", "system", "inferenceConfig", "additionalModelRequestFields")


class Conversations:
    """Conversations with any model."""

    def __init__(self, completions: Completions, logs: InvocationLogs) -> None:
        self._completions = completions
        self._logs = logs

    @serves("Converse", "documented", "text only; tools, guardrails, prompts and structured output are refused")
    async def converse(self, call: Call) -> Json:
        """The whole answer."""
        done = await self._answer(call)
        answer = to_answer(done)
        self._log(call, done, answer)
        return answer

    @serves("ConverseStream", "documented", "word by word; as Converse otherwise")
    async def stream(self, call: Call) -> StreamReply:
        """The answer as events."""
        done = await self._answer(call)
        message = {"role": "assistant", "content": _content(done)}
        self._log(call, done, {"output": {"message": message}, "stopReason": done.stop_reason, "usage": done.usage})
        return StreamReply(chunks=_events(done), content_type=CONTENT_TYPE)

    async def _answer(self, call: Call) -> Completed:
        question = read_question(call.params)
        return await self._completions.complete(self._completions.policy(call.owner, call.params["modelId"]), question)

    def _log(self, call: Call, done: Completed, answer: Json) -> None:
        asked = {name: call.params[name] for name in _LOGGED if name in call.params}
        self._logs.note(call, asked, answer, done, call.params.get("requestMetadata"))


def to_answer(done: Completed) -> Json:
    """The reply of ``Converse``."""
    return {
        "output": {"message": {"role": "assistant", "content": _content(done)}},
        "stopReason": done.stop_reason,
        "usage": done.usage,
        "metrics": {"latencyMs": done.latency_ms},
    }


def read_question(params: Json) -> Question:
    """The conversation in the parameters of ``Converse``.

    Raises:
        BedrockError: it asks for more than text.
    """
    for name in _NOT_HERE:
        if params.get(name):
            raise invalid(f"The emulator's models do not support {name}.")
    standing = "\n".join(block["text"] for block in params.get("system", ()) if "text" in block)
    messages: list[Json] = [{"role": "system", "content": standing}] if standing else []
    messages += [
        {"role": message["role"], "content": _text(message["content"])} for message in params.get("messages", ())
    ]
    if not any(message["role"] == "user" for message in messages):
        raise invalid("A conversation must start with a user message.")
    inference = params.get("inferenceConfig", {})
    return Question(
        messages=messages,
        temperature=inference.get("temperature"),
        max_tokens=inference.get("maxTokens"),
        stop=inference.get("stopSequences", ()),
    )


def _text(blocks: Iterable[Json]) -> str:
    texts = []
    for block in blocks:
        kind = next(iter(block))
        if kind == "text":
            texts.append(str(block["text"]))
        elif kind not in {"cachePoint", "reasoningContent"}:
            raise invalid(f"The emulator's models read text only, not {kind}.")
    return "\n".join(texts)


def _content(done: Completed) -> list[Json]:
    thought = [{"reasoningContent": {"reasoningText": {"text": done.reasoning}}}] if done.reasoning else []
    return [*thought, {"text": done.text}]


async def _events(done: Completed) -> AsyncIterator[bytes]:
    yield event("messageStart", {"role": "assistant"})
    blocks: list[list[Json]] = [[{"reasoningContent": {"text": done.reasoning}}]] if done.reasoning else []
    blocks.append([{"text": piece} for piece in done.pieces] or [{"text": ""}])
    for index, deltas in enumerate(blocks):
        for delta in deltas:
            yield event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
        yield event("contentBlockStop", {"contentBlockIndex": index})
    yield event("messageStop", {"stopReason": done.stop_reason})
    yield event("metadata", {"usage": done.usage, "metrics": {"latencyMs": done.latency_ms}})
