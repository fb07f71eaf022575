"""A service model that changes is told, down to the member."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.__main__ import main
from airflow_provider_bedrock_rft.emulator.conformance.model_diff import (
    REVIEWED,
    SERVICES,
    accept,
    changes,
    digests_of,
    installed,
    model_diff,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MODEL: dict[str, Any] = {
    "operations": {
        "GetJob": {"input": {"shape": "Request"}, "output": {"shape": "Job"}, "errors": [{"shape": "NotFound"}]},
        "ListJobs": {"output": {"shape": "Jobs"}},
    },
    "shapes": {
        "Request": {"type": "structure", "members": {"id": {"shape": "Id"}}, "documentation": "What you ask for."},
        "Job": {"type": "structure", "members": {"id": {"shape": "Id"}, "status": {"shape": "Status"}}},
        "Jobs": {"type": "list", "member": {"shape": "Job"}},
        "Id": {"type": "string", "pattern": "[a-z]+"},
        "Status": {"type": "string", "enum": ["Open", "Done"]},
        "NotFound": {"type": "structure", "members": {}},
    },
}


def told(change: Any) -> list[str]:
    other = copy.deepcopy(MODEL)
    change(other)
    before, now = ({"jobs": digests_of(model, {"GetJob"})} for model in (MODEL, other))
    return list(changes(before, now))


def test_a_changed_shape_is_told_with_all_that_use_it() -> None:
    assert told(lambda model: model["shapes"]["Status"].update(enum=["Open", "Done", "Lost"])) == [
        "jobs operation GetJob: changed",
        "jobs operation ListJobs: changed",
        "jobs Status itself: changed",
    ]


def test_a_new_member_is_told_by_name() -> None:
    lines = told(lambda model: model["shapes"]["Job"]["members"].update(cost={"shape": "Id"}))
    assert "jobs Job cost: new" in lines
    assert "jobs Job itself: changed" not in lines


def test_a_member_that_is_gone_is_told() -> None:
    assert "jobs Job status: gone" in told(lambda model: model["shapes"]["Job"]["members"].pop("status"))


def test_operations_come_and_go() -> None:
    assert told(lambda model: model["operations"].update(StopJob={"input": {"shape": "Request"}})) == [
        "jobs operation StopJob: new"
    ]
    assert "jobs operation GetJob: gone" in told(lambda model: model["operations"].pop("GetJob"))


def test_prose_does_not_count() -> None:
    assert told(lambda model: model["shapes"]["Request"].update(documentation="Other words.")) == []


def test_what_was_accepted_is_no_news_and_what_was_not_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reviewed = tmp_path / "reviewed.json"
    accept(reviewed)
    assert model_diff(reviewed) == 0
    document = json.loads(reviewed.read_text())
    document["services"]["bedrock"]["shapes"]["RFTHyperParameters"]["batchSize"] = "otherwise"
    reviewed.write_text(json.dumps(document))
    assert model_diff(reviewed) == 1
    assert "bedrock RFTHyperParameters batchSize: changed" in capsys.readouterr().out


def test_the_committed_review_is_of_our_services(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether it is up to date is the weekly check's business: a new botocore must not break the build."""
    document = json.loads(REVIEWED.read_text())
    assert set(document["services"]) == set(SERVICES) == set(installed())
    assert len(document["services"]["bedrock"]["operations"]) > 100
    assert main(["--model-diff"]) in {0, 1}
    assert document["botocore"] in capsys.readouterr().out
