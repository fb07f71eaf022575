from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings
from airflow_provider_bedrock_rft.emulator.training.grading import (
    GraderFailure,
    Rollout,
    in_batches,
    parse_rewards,
    to_sample,
)
from airflow_provider_bedrock_rft.emulator.training.records import TrainingRecord


def rollout(reference: object) -> Rollout:
    record = TrainingRecord(
        record_id="r", messages=[{"role": "user", "content": "2+2?"}], reference=reference, extra={"level": 1}
    )
    return Rollout(rollout_id="r:1:0", record=record, completion="4")


@pytest.mark.parametrize(
    ("layout", "wrap", "top", "metadata"),
    [
        ("both", True, {"text": "4"}, "4"),
        ("both", False, "4", "4"),
        ("metadata", True, None, "4"),
        ("top", True, {"text": "4"}, None),
    ],
)
def test_the_reference_stands_where_the_settings_say(layout: Any, *, wrap: bool, top: object, metadata: object) -> None:
    sample = to_sample(rollout("4"), TrainingSettings(event_layout=layout, wrap_string_reference=wrap))
    assert sample.get("reference_answer") == top
    assert isinstance(sample["metadata"], dict)
    assert sample["metadata"].get("reference_answer") == metadata
    assert sample["metadata"]["level"] == 1
    assert sample["messages"] == [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


def test_objects_are_not_wrapped_and_missing_references_stay_missing() -> None:
    assert to_sample(rollout({"answer": 4}), TrainingSettings())["reference_answer"] == {"answer": 4}
    sample = to_sample(rollout(None), TrainingSettings())
    assert "reference_answer" not in sample
    assert sample["metadata"] == {"level": 1}


def test_batches_keep_both_limits() -> None:
    samples = [(str(number), b"x" * 10) for number in range(10)]
    assert [len(batch) for batch in in_batches(samples, max_items=4, max_bytes=1000)] == [4, 4, 2]
    assert [len(batch) for batch in in_batches(samples, max_items=100, max_bytes=35)] == [3, 3, 3, 1]
    large = [("a", b"x" * 100), ("b", b"x")]
    assert [len(batch) for batch in in_batches(large, max_items=9, max_bytes=50)] == [1, 1]
    assert in_batches([], max_items=9, max_bytes=50) == []


def test_good_rewards_are_read_in_any_order() -> None:
    answer = [{"id": "b", "aggregate_reward_score": 1}, {"id": "a", "aggregate_reward_score": -0.5, "score": 7}]
    assert parse_rewards(json.dumps(answer).encode(), ["a", "b"]) == {"a": -0.5, "b": 1.0}
    assert parse_rewards(b"[]", []) == {}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("{oops", "not JSON"),
        ("null", "expected a list of scores, got NoneType"),
        ('{"aggregate_reward_score": 1}', "expected a list of scores, got dict"),
        ('{"statusCode": 200, "body": "[]"}', "expected a list"),
        ("[1]", "object with the id"),
        ('[{"aggregate_reward_score": 1}]', "object with the id"),
        ('[{"id": 1, "aggregate_reward_score": 1}]', "object with the id"),
        ('[{"id": "a"}]', "finite number, not None"),
        ('[{"id": "a", "aggregate_reward_score": NaN}]', "finite number, not nan"),
        ('[{"id": "a", "aggregate_reward_score": Infinity}]', "finite number, not inf"),
        ('[{"id": "a", "aggregate_reward_score": "1"}]', "finite number, not '1'"),
        ('[{"id": "a", "aggregate_reward_score": true}]', "finite number, not True"),
        ('[{"id": "a", "aggregate_reward_score": 1}]', "1 of 2 samples have no score, first 'b'"),
        ('[{"id": "z", "aggregate_reward_score": 1}]', "unknown id 'z'"),
        ('[{"id": "a", "aggregate_reward_score": 1}, {"id": "a", "aggregate_reward_score": 1}]', "duplicate id 'a'"),
    ],
)
def test_nonsense_is_refused_with_its_reason(answer: str, why: str) -> None:
    with pytest.raises(GraderFailure, match=why):
        parse_rewards(answer.encode(), ["a", "b"])
