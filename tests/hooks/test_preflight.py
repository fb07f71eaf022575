"""A grader that was just deployed is tried on records before a job is paid for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.ports import Invocation
from airflow_provider_bedrock_rft.hooks.preflight import try_grader

TOOLS = ({"type": "function", "function": {"name": "look_up"}},)
RECORD = Record(record_id="r", messages=(Message(role="user", content="Ask."),), reference="yes", tools=TOOLS)


@dataclass
class Echo:
    """A grader that keeps what it is given; right answers earn 1, and ``metrics`` go with each score."""

    metrics: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        del arn
        event = json.loads(payload)
        self.samples += event
        scores = [
            {
                "id": sample["id"],
                "aggregate_reward_score": float(sample["messages"][-1]["content"] == "yes"),
                "metrics_list": self.metrics,
            }
            for sample in event
        ]
        return Invocation(payload=json.dumps(scores).encode())


def test_the_grader_is_given_what_training_will_give_it() -> None:
    grader: Any = Echo()
    assert try_grader(grader, "arn", [RECORD]) == ((1.0,), (0.0,))
    assert [sample["messages"][-1]["content"] for sample in grader.samples] == ["yes", ""]
    assert all(sample["tools"] == list(TOOLS) for sample in grader.samples)


def test_records_without_a_reference_say_nothing() -> None:
    grader: Any = Echo()
    unknown = Record(record_id="u", messages=RECORD.messages)
    assert try_grader(grader, "arn", [unknown]) == ((), ())


def test_a_score_at_the_floor_for_an_error_is_an_error() -> None:
    grader: Any = Echo(metrics=[{"name": "grader_error.KeyError", "value": 1.0, "type": "Metric"}])
    with pytest.raises(GraderFailure, match="KeyError"):
        try_grader(grader, "arn", [RECORD])
