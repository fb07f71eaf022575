"""Faults of training and of listings, on the native plane."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


def job_of(native: Any, **changes: Any) -> str:
    return str(native.bedrock.create_model_customization_job(**native.request(**changes))["jobArn"])


def test_a_job_fails_at_the_step_that_was_ordered(native: Any, order: Callable[..., str], finished: Any) -> None:
    rule = order(fail_job="the cluster went away", step=2, times=1)
    job = finished(native, job_of(native))
    assert job["status"] == "Failed"
    assert "the cluster went away" in job["failureMessage"]
    log = [item for item in native.emulator.control("GET", "faults/log")["taken"] if item["rule"] == rule]
    assert [item["where"].partition(" ")[2] for item in log] == ["step 2"]


def test_a_grader_that_fails_for_long_fails_the_job(native: Any, order: Callable[..., str], finished: Any) -> None:
    order(grader_error="ZeroDivisionError: division by zero", times=5)
    job = finished(native, job_of(native))
    assert job["status"] == "Failed"
    assert "ZeroDivisionError" in job["failureMessage"]


def test_a_grader_may_fail_now_and_then(native: Any, order: Callable[..., str], finished: Any) -> None:
    order(grader_error="ZeroDivisionError: division by zero", times=2)
    assert finished(native, job_of(native))["status"] == "Completed"


def test_a_slow_step_takes_emulated_time(native: Any, order: Callable[..., str], wait_until: Any) -> None:
    rule = order(slow_step_seconds=1e7, step=2, times=1)
    job = job_of(native)

    def is_slow() -> bool:
        return rule in {item["rule"] for item in native.emulator.control("GET", "faults/log")["taken"]}

    wait_until(is_slow)
    assert native.bedrock.get_model_customization_job(jobIdentifier=job)["status"] == "InProgress"
    native.bedrock.stop_model_customization_job(jobIdentifier=job)


def test_a_listing_is_late_and_a_retrieval_is_not(native: Any, trained: Any, order: Callable[..., str]) -> None:
    job = job_of(native)
    order(path="^/model-customization-jobs$", method="GET", stale_seconds=3_600, times=1)
    late = native.bedrock.list_model_customization_jobs(maxResults=1_000)["modelCustomizationJobSummaries"]
    assert {job, trained["jobArn"]}.isdisjoint(item["jobArn"] for item in late)
    assert native.bedrock.get_model_customization_job(jobIdentifier=job)["jobArn"] == job
    now = native.bedrock.list_model_customization_jobs(maxResults=1_000)["modelCustomizationJobSummaries"]
    assert {job, trained["jobArn"]} <= {item["jobArn"] for item in now}


def test_a_role_that_was_just_made_cannot_be_assumed(native: Any, order: Callable[..., str]) -> None:
    order(role_delay_seconds=1_000)
    role = native.make_role(f"newborn-{uuid.uuid4().hex[:8]}", ("s3:GetObject",))
    with pytest.raises(ClientError, match="Could not assume the role") as caught:
        native.bedrock.create_model_customization_job(**native.request(roleArn=role))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    native.emulator.control("POST", "clock", {"advance_seconds": 2_000})
    assert job_of(native, roleArn=role)


def test_a_stream_of_converse_breaks(native: Any, order: Callable[..., str]) -> None:
    order(path="/converse-stream$", cut_after=2, times=1)
    asked = [{"role": "user", "content": [{"text": json.dumps({"a": "long", "prompt": "indeed"})}]}]
    stream = native.runtime.converse_stream(modelId="amazon.nova-pro-v1:0", messages=asked)["stream"]
    with pytest.raises(Exception, match=r".") as caught:
        assert "messageStop" not in [name for event in stream for name in event]
    assert not isinstance(caught.value, AssertionError)
