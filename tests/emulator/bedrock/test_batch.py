from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

NOVA = "amazon.nova-2-lite-v1:0"
_NUMBERS = itertools.count()


def refused(call: Any, code: str, words: str = "", **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert words in caught.value.response["Error"]["Message"]


@pytest.fixture
def batch(native: Any) -> Any:
    """A request for a batch job over some lines."""

    def request(lines: list[str], **changes: Any) -> dict[str, Any]:
        name = f"batch-{next(_NUMBERS)}"
        if lines:
            native.put(f"{name}/in/records.jsonl", "\n".join(lines).encode())
        return {
            "jobName": name,
            "roleArn": native.role,
            "modelId": NOVA,
            "modelInvocationType": "Converse",
            "inputDataConfig": {
                "s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": f"s3://{native.bucket}/{name}/in/"}
            },
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://{native.bucket}/{name}/out/"}},
            **changes,
        }

    return request


@pytest.fixture
def ended(native: Any, wait_until: Any) -> Any:
    def wait(arn: str) -> Any:
        def shown() -> Any:
            job = native.bedrock.get_model_invocation_job(jobIdentifier=arn)
            return job if "endTime" in job else None

        return wait_until(shown)

    return wait


def record(number: int) -> str:
    ask = [{"role": "user", "content": [{"text": f"What is {number} + 1?"}]}]
    return json.dumps({"recordId": f"r{number}", "modelInput": {"messages": ask}})


@pytest.mark.parametrize("kind", ["Converse", "InvokeModel"])
@pytest.mark.parametrize("model", [NOVA, "custom"])
def test_a_batch_answers_every_record(native: Any, trained: Any, batch: Any, ended: Any, kind: str, model: str) -> None:
    model_id = trained["outputModelArn"] if model == "custom" else model
    request = batch([record(i) for i in range(5)], modelId=model_id, modelInvocationType=kind)
    job = ended(native.bedrock.create_model_invocation_job(**request)["jobArn"])
    assert (job["status"], job["totalRecordCount"], job["errorRecordCount"]) == ("Completed", 5, 0)
    key = f"{request['jobName']}/out/{job['jobArn'].rpartition('/')[2]}/records.jsonl.out"
    answers = [json.loads(line) for line in native.read(key).splitlines()]
    assert [answer["recordId"] for answer in answers] == [f"r{i}" for i in range(5)]
    assert all(answer["modelOutput"]["output"]["message"]["content"] for answer in answers)


def test_records_that_cannot_be_answered_say_why(native: Any, batch: Any, ended: Any) -> None:
    lines = [record(1), "{", '{"recordId": "x"}', '{"modelInput": {"messages": [{"role": "user"}]}}']
    request = batch(lines)
    job = ended(native.bedrock.create_model_invocation_job(**request)["jobArn"])
    assert (job["status"], job["successRecordCount"], job["errorRecordCount"]) == ("PartiallyCompleted", 1, 3)
    key = f"{request['jobName']}/out/{job['jobArn'].rpartition('/')[2]}/records.jsonl.out"
    answers = [json.loads(line) for line in native.read(key).splitlines()]
    assert ["error" in answer for answer in answers] == [False, True, True, True]


def test_what_a_batch_lacks_fails_it(native: Any, batch: Any, ended: Any) -> None:
    create = native.bedrock.create_model_invocation_job
    assert "no .jsonl files" in ended(create(**batch([]))["jobArn"])["message"]
    role = native.make_role("batch-without", ("s3:ListBucket", "s3:GetObject"))
    assert "s3:PutObject" in ended(create(**batch([record(1)], roleArn=role))["jobArn"])["message"]
    refused(create, "ValidationException", "identifier", **batch([], modelId="nobodys.model"))


def test_batches_are_listed_once_per_name_and_stopped_only_while_they_run(native: Any, batch: Any, ended: Any) -> None:
    bedrock, request = native.bedrock, batch([record(1)], clientRequestToken="a-batch")
    arn = bedrock.create_model_invocation_job(**request)["jobArn"]
    assert bedrock.create_model_invocation_job(**request)["jobArn"] == arn
    job = ended(arn)
    refused(
        bedrock.create_model_invocation_job,
        "ConflictException",
        "The provided job name is currently in use.",
        **{**request, "clientRequestToken": "another"},
    )
    refused(bedrock.stop_model_invocation_job, "ConflictException", "Completed", jobIdentifier=arn)
    listed = bedrock.list_model_invocation_jobs(
        nameContains=request["jobName"],
        statusEquals="Completed",
        submitTimeBefore=job["endTime"] + timedelta(seconds=1),
    )
    assert [item["jobArn"] for item in listed["invocationJobSummaries"]][:1] == [arn]
    assert bedrock.list_model_invocation_jobs(submitTimeAfter=job["endTime"] + timedelta(days=1))[
        "invocationJobSummaries"
    ] == []  # fmt: skip


def test_a_running_batch_is_stopped(native: Any, batch: Any) -> None:
    bedrock = native.bedrock
    request = batch([record(i) for i in range(20_000)])
    arn = bedrock.create_model_invocation_job(**request)["jobArn"]
    bedrock.stop_model_invocation_job(jobIdentifier=arn)
    job = bedrock.get_model_invocation_job(jobIdentifier=arn.rpartition("/")[2])
    assert (job["status"], job["jobArn"]) == ("Stopped", arn)
