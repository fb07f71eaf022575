from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.grader.contract import (
    MAX_PAYLOAD_BYTES,
    EventLayout,
    ReplyFault,
    batches_of,
    build_event,
    encode_event,
    parse_reply,
    read_reply,
)
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample, Turn, UnreadableEvent, read_event

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def sample(name: str = "a", **changes: object) -> GraderSample:
    given = {"completion": "#### 84", "reference": "84", "turns": (Turn("user", "7 * 12?"),), "metadata": {"level": 1}}
    return GraderSample(sample_id=name, **{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", [layout for layout in EventLayout if layout is not EventLayout.HTTP])
@pytest.mark.parametrize("reference", ["84", {"answer": 84}, ["a", "b"], 84, None])
def test_every_layout_reads_back_as_what_it_was_built_from(layout: EventLayout, reference: object) -> None:
    asked = [sample("a", reference=reference), sample("b", reference=reference, completion="")]
    assert read_event(json.loads(encode_event(asked, layout))) == asked


@given(reference=JSON_VALUES, completion=st.text(), metadata=st.dictionaries(st.sampled_from("xyz"), JSON_VALUES))
def test_any_content_survives_the_mantle_layout(
    reference: object, completion: str, metadata: dict[str, object]
) -> None:
    asked = [sample(reference=reference, completion=completion, metadata=metadata)]
    if isinstance(reference, dict) and set(reference) == {"text"}:
        return  # is what a wrapped string looks like
    assert read_event(json.loads(json.dumps(build_event(asked)))) == asked


def test_mantle_sends_both_places_and_wraps_strings() -> None:
    (entry,) = build_event([sample()])  # type: ignore[misc]
    assert entry["reference_answer"] == {"text": "84"}
    assert entry["metadata"] == {"level": 1, "reference_answer": "84"}
    assert entry["messages"][-1] == {"role": "assistant", "content": "#### 84"}


def test_nova_speaks_in_parts() -> None:
    (entry,) = build_event([sample()], EventLayout.NOVA)  # type: ignore[misc]
    assert entry["messages"][-1] == {"role": "nova_assistant", "content": [{"type": "text", "text": "#### 84"}]}
    assert "reference_answer" not in entry


@pytest.mark.parametrize(
    ("raw", "completion"),
    [
        ({"messages": [{"role": "assistant", "content": [{"text": "a"}, {"type": "text", "text": "b"}]}]}, "ab"),
        ({"messages": [{"role": "assistant", "content": {"text": "a"}}]}, "a"),
        ({"messages": [{"role": "assistant", "content": None}]}, ""),
        ({"messages": [{"role": "user", "content": "a"}]}, ""),
        ({"messages": []}, ""),
        ({}, ""),
    ],
)
def test_contents_of_every_shape_are_read(raw: dict[str, object], completion: str) -> None:
    assert read_event([raw])[0].completion == completion


def test_ids_come_from_id_or_task_id_or_position() -> None:
    read = read_event([{"id": "x", "messages": []}, {"task_id": "y", "messages": []}, {"messages": []}])
    assert [one.sample_id for one in read] == ["x", "y", "2"]


@pytest.mark.parametrize("event", ["text", 1, None, {"no": "samples"}, [1], ["a"]])
def test_an_event_of_no_layout_is_refused(event: object) -> None:
    with pytest.raises(UnreadableEvent):
        read_event(event)


def entry(name: str = "a", score: object = 1.0, **more: object) -> dict[str, object]:
    return {"id": name, "aggregate_reward_score": score, **more}


def test_a_good_reply_becomes_scores_in_the_order_asked() -> None:
    metrics = [{"name": "ok", "value": 1, "type": "Metric"}, {"name": "exact", "value": 0.5, "type": "Reward"}]
    reply = [entry("b", 0), entry("a", 0.5, metrics_list=metrics)]
    scores = parse_reply(json.dumps(reply).encode(), ["a", "b"])
    assert list(scores) == ["a", "b"]
    assert (scores["a"].value, scores["a"].components, scores["a"].metrics) == (0.5, {"exact": 0.5}, {"ok": 1.0})


def test_an_http_envelope_is_opened() -> None:
    reply = {"statusCode": 200, "headers": {}, "body": json.dumps([entry()])}
    assert parse_reply(json.dumps(reply).encode(), ["a"])["a"].value == 1.0


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (b"not json", ReplyFault.NOT_JSON),
        (b"", ReplyFault.NOT_JSON),
        (b"\xff", ReplyFault.NOT_JSON),
        (b"null", ReplyFault.NOT_A_LIST),
        (json.dumps(entry()), ReplyFault.NOT_A_LIST),
        (json.dumps({"errorMessage": "x", "errorType": "ValueError"}), ReplyFault.ERROR),
        (json.dumps(["a"]), ReplyFault.ENTRY_NOT_AN_OBJECT),
        (json.dumps([{"aggregate_reward_score": 1}]), ReplyFault.ID_ABSENT),
        (json.dumps([entry("z")]), ReplyFault.ID_UNKNOWN),
        (json.dumps([entry(1)]), ReplyFault.ID_UNKNOWN),  # type: ignore[arg-type]
        (json.dumps([entry(), entry()]), ReplyFault.ID_REPEATED),
        (json.dumps([{"id": "a"}]), ReplyFault.SCORE_ABSENT),
        (json.dumps([entry(score="1.0")]), ReplyFault.SCORE_NOT_A_NUMBER),
        (json.dumps([entry(score=None)]), ReplyFault.SCORE_ABSENT),
        (json.dumps([entry(score=True)]), ReplyFault.SCORE_NOT_A_NUMBER),
        (json.dumps([entry(score=float("nan"))]), ReplyFault.SCORE_NOT_FINITE),
        (json.dumps([entry(score=float("inf"))]), ReplyFault.SCORE_NOT_FINITE),
        ("[]", ReplyFault.SAMPLE_UNANSWERED),
        (b" " * (MAX_PAYLOAD_BYTES + 1), ReplyFault.TOO_LARGE),
    ],
)
def test_every_fault_of_a_reply_has_its_own_finding(reply: str | bytes, fault: ReplyFault) -> None:
    payload = reply if isinstance(reply, bytes) else reply.encode()
    assert read_reply(payload, ["a"]).findings[0].fault is fault
    with pytest.raises(GraderFailure) as caught:
        parse_reply(payload, ["a"])
    assert caught.value.details["fault"] == fault.value


@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_reading_a_reply_never_raises(payload: bytes) -> None:
    reply = read_reply(payload, ["a", "b"])
    assert set(reply.scores) <= {"a", "b"}
    assert reply.findings or set(reply.scores) == {"a", "b"}


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(1, 9))
def test_batches_keep_order_and_bounds(sizes: list[int], max_samples: int) -> None:
    asked = [sample(str(number), completion="x" * size) for number, size in enumerate(sizes)]
    batches = list(batches_of(asked, max_samples=max_samples, max_bytes=1000))
    assert [one for batch in batches for one in batch] == asked
    assert all(len(batch) == 1 or len(encode_event(batch)) <= 1000 for batch in batches)
    assert all(len(batch) <= max_samples for batch in batches)
