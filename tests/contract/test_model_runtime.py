"""Both of Mantle's ways of asking, before the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.errors import RequestRejected, ResourceNotFound, Throttled
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message

MODEL = "openai.gpt-oss-20b"


def request(model: str = MODEL, api: str = "chat") -> CompletionRequest:
    question = (Message(role="system", content="Be brief."), Message(role="user", content="What is 2+2?"))
    return CompletionRequest(model=model, messages=question, max_tokens=200, seed=5, api=api)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_base_model_answers(emulator: Any, api: str) -> None:
    completion = emulator.session().runtime.complete(request(api=api))
    assert completion.text
    assert completion.finish_reason in {"stop", "length"}
    assert completion.prompt_tokens > 0
    assert completion.completion_tokens > 0


def test_what_a_model_has_not_is_said(emulator: Any) -> None:
    runtime = emulator.session().runtime
    with pytest.raises(RequestRejected, match="responses"):
        runtime.complete(request("qwen.qwen3-32b", api="responses"))
    with pytest.raises((ResourceNotFound, RequestRejected)):
        runtime.complete(request("no-such-model"))


def test_a_refusal_is_seen_and_not_repeated(emulator: Any) -> None:
    emulator.control("POST", "faults", status=429, times=1, path="/v1/chat/completions")
    with pytest.raises(Throttled):
        emulator.session().runtime.complete(request())
    assert emulator.session().runtime.complete(request()).text
