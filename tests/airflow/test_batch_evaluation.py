"""Waiting for batch inference: in the triggerer, so that no worker slot is held for hours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob

ROLE = "arn:aws:iam::123456789012:role/batch"


@dataclass
class Batch:
    """What a batch service is, as far as an operator hands it on."""

    name: str = "batch"


def task(fake_hook: Any, **fields: Any) -> Any:
    made = rft.BedrockRftEvaluateModelOperator(
        task_id="evaluate",
        model="amazon.nova-2-lite-v1:0",
        grader="arn",
        dataset="d",
        artifacts_uri="s3://b/a",
        **fields,
    )
    made.hook = fake_hook()
    made.hook.batch = Batch()
    return made


def test_a_role_turns_batch_on(fake_hook: Any) -> None:
    assert task(fake_hook).batch_access() is None
    access = task(fake_hook, settings={"batch_role_arn": ROLE, "batch_from": "500"}).batch_access()
    assert access.service == Batch()
    assert access.pause_seconds == 60.0


def test_the_wait_is_handed_to_the_triggerer_and_the_task_starts_over(fake_hook: Any) -> None:
    access = task(fake_hook, settings={"batch_role_arn": ROLE}, poll_interval_seconds=300).batch_access()
    job = BatchJob(job_id="j", status="InProgress", n_done=5, n_records=120)
    with pytest.raises(TaskDeferred) as deferred:
        access.wait(access.pause_seconds, job)
    path, kwargs = deferred.value.trigger.serialize()
    assert path.endswith("DateTimeTrigger")
    assert json.loads(json.dumps(kwargs, default=str))["end_from_trigger"] is False
    assert deferred.value.method_name == "resume"


def test_a_resumed_task_does_what_it_did_before(fake_hook: Any) -> None:
    class Remembering(rft.BedrockRftEvaluateModelOperator):
        def execute(self, context: Any) -> dict[str, object]:
            return {"seen": context}

    made = Remembering(task_id="e", model="m", grader="g", dataset="d", artifacts_uri="s3://b/a")
    made.hook = fake_hook()
    assert made.resume({"ti": 1}, event=object()) == {"seen": {"ti": 1}}


def test_a_worker_may_wait_itself(fake_hook: Any) -> None:
    assert task(fake_hook, settings={"batch_role_arn": ROLE}, deferrable=False).batch_access().wait is None
