from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

PROMPT: Any = [{"role": "user", "content": "Tom has 3 apples and buys 4 more. How many apples does he have now?"}]
BASES = ["openai.gpt-oss-20b", "openai.gpt-oss-20b-1:0", "qwen.qwen3-32b", "qwen.qwen3-32b-v1:0"]
NOT_IN_THE_SDK = {"response.reasoning_part.added", "response.reasoning_part.done"}


@pytest.mark.parametrize("model", BASES)
def test_every_base_answers_under_each_of_its_ids(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.create(model=model, messages=PROMPT, temperature=0)
    assert completion.model == model
    assert completion.system_fingerprint == "local-sim"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0


def test_equal_seeds_give_equal_completions(client: openai.OpenAI) -> None:
    def ask(seed: int) -> list[str | None]:
        completion = client.chat.completions.create(model=BASES[0], messages=PROMPT, n=8, seed=seed)
        return [choice.message.content for choice in completion.choices]

    assert ask(1) == ask(1)
    assert len(ask(1)) == 8
    assert len(set(ask(1))) > 1  # the n are not copies of one another


def test_reasoning_stands_beside_the_content_and_can_be_left_out(client: openai.OpenAI) -> None:
    reasoned = [
        client.chat.completions.create(model=BASES[0], messages=PROMPT, seed=seed).choices[0].message
        for seed in range(20)
    ]
    assert any((message.model_extra or {}).get("reasoning") for message in reasoned)
    plain = client.chat.completions.create(
        model=BASES[0], messages=PROMPT, n=20, seed=0, extra_body={"reasoning_effort": "none"}
    )
    assert not any((choice.message.model_extra or {}).get("reasoning") for choice in plain.choices)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_small_budget_cuts_the_answer_and_may_leave_no_content(client: openai.OpenAI, name: str) -> None:
    completion = client.chat.completions.create(model=BASES[0], messages=PROMPT, n=20, seed=1, extra_body={name: 1})
    assert {choice.finish_reason for choice in completion.choices} == {"length"}
    with_reasoning = [c.message for c in completion.choices if (c.message.model_extra or {}).get("reasoning")]
    assert all(message.content is None for message in with_reasoning)


def test_streamed_chunks_add_up_to_the_whole(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=BASES[2], messages=PROMPT, seed=3)
    chunks = list(
        client.chat.completions.create(
            model=BASES[2], messages=PROMPT, seed=3, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_content_parts_are_read(client: openai.OpenAI) -> None:
    parts: Any = [{"role": "user", "content": [{"type": "text", "text": PROMPT[0]["content"]}]}]
    ask = client.chat.completions.create
    one, other = (ask(model=BASES[0], messages=messages, seed=1) for messages in (parts, PROMPT))
    assert one.choices[0].message.content == other.choices[0].message.content


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "nope", "messages": PROMPT}, 404, "model"),
        ({"messages": PROMPT}, 400, "model"),
        ({"model": BASES[0]}, 400, "messages"),
        ({"model": BASES[0], "messages": []}, 400, "messages"),
        ({"model": BASES[0], "messages": [{"role": "robot", "content": "x"}]}, 400, "messages"),
        ({"model": BASES[0], "messages": [{"role": "user", "content": [{"type": "image"}]}]}, 400, "messages"),
        ({"model": BASES[0], "messages": PROMPT, "temperature": 3}, 400, "temperature"),
        ({"model": BASES[0], "messages": PROMPT, "temperature": "hot"}, 400, "temperature"),
        ({"model": BASES[0], "messages": PROMPT, "n": 0}, 400, "n"),
        ({"model": BASES[0], "messages": PROMPT, "max_tokens": 0}, 400, "max_tokens"),
        ({"model": BASES[0], "messages": PROMPT, "service_tier": "reserved"}, 400, "service_tier"),
        ({"model": BASES[0], "messages": PROMPT, "reasoning_effort": "wild"}, 400, "reasoning_effort"),
        ([1], 400, None),
        (b"{oops", 400, None),
    ],
)
def test_bad_chats_are_refused_with_the_field(emulator: Any, body: Any, status: int, param: str | None) -> None:
    got, answer = emulator.call("POST", "/v1/chat/completions", body)
    assert got == status
    assert answer["error"]["param"] == param
    assert set(answer["error"]) == {"message", "type", "param", "code"}


def test_a_response_is_kept_and_can_be_deleted(client: openai.OpenAI) -> None:
    response = client.responses.create(model=BASES[0], input=PROMPT[0]["content"], instructions="Be brief.")
    assert response.output_text
    assert client.responses.retrieve(response.id).output_text == response.output_text
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError, match=f"Response '{response.id}' not found"):
        client.responses.retrieve(response.id)


def test_a_response_is_not_kept_when_asked_not_to(client: openai.OpenAI) -> None:
    response = client.responses.create(model=BASES[0], input=PROMPT, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_qwen_has_no_responses(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support the '/v1/responses' API"):
        client.responses.create(model="qwen.qwen3-32b", input="2+2?")


def test_responses_want_at_least_16_tokens(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="at least 16"):
        client.responses.create(model=BASES[0], input="2+2?", max_output_tokens=15)


def test_streamed_responses_come_in_the_observed_order(emulator: Any) -> None:
    status, body = emulator.call(
        "POST", "/v1/responses", {"model": BASES[0], "input": PROMPT[0]["content"], "stream": True}
    )
    assert status == 200
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    foreign = set()
    for event in events:
        try:
            TypeAdapter(ResponseStreamEvent).validate_python(event)
        except ValidationError:  # noqa: PERF203
            foreign.add(event["type"])
    assert foreign <= NOT_IN_THE_SDK


async def test_many_at_once(emulator: Any) -> None:
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        completions = await asyncio.gather(
            *(client.chat.completions.create(model=BASES[0], messages=PROMPT) for _ in range(40))
        )
    assert all(completion.choices for completion in completions)
