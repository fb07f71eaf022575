"""The whole flow with boto3 and the openai SDK alone: what any user of the service would write."""

from __future__ import annotations

import json
import time
from typing import Any

import openai
import pytest
from botocore.exceptions import ClientError
from pydantic import BaseModel

GRADER = """
import re

def handler(event, context):
    scores = []
    for sample in event:
        text = sample["messages"][-1]["content"]
        wanted = sample["metadata"]["reference_answer"]
        marked = re.search(r"####\\s*(-?\\d+)", text)
        score = 1.0 if marked and marked[1] == wanted else 0.2 if marked else 0.0
        scores.append({"id": sample["id"], "aggregate_reward_score": score})
    return scores
"""


def problems(n: int) -> bytes:
    records = []
    for i in range(n):
        a, b = i % 9 + 2, i % 13 + 1
        question = (
            f"Tom has {a} pens and buys {b} more. How many pens does he have now? Answer with #### and the number."
        )
        records.append({"messages": [{"role": "user", "content": question}], "reference_answer": str(a + b)})
    return "\n".join(map(json.dumps, records)).encode()


def unknown_fields(model: object, path: str = "") -> set[str]:
    if isinstance(model, list):
        return {name for item in model for name in unknown_fields(item, path + "[]")}
    if not isinstance(model, BaseModel):
        return set()
    extra = {f"{path}.{name}" for name in model.model_extra or {}}
    return extra.union(*(unknown_fields(getattr(model, name), f"{path}.{name}") for name in type(model).model_fields))


def method(function: str, **hyperparameters: Any) -> Any:
    grader = {"type": "lambda", "lambda": {"function": function}}
    return {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": hyperparameters}}


def wait_for(client: openai.OpenAI, job_id: str) -> Any:
    for _ in range(2000):
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in {"succeeded", "failed", "cancelled"}:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job_id} did not end")


def test_deploy_upload_train_watch_and_chat(emulator: Any) -> None:
    function = emulator.deploy("sdk-flow-grader", GRADER)
    plain = openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token())
    strict = openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), _strict_response_validation=True)
    file = strict.files.create(file=("train.jsonl", problems(120)), purpose="fine-tune")
    job = plain.fine_tuning.jobs.create(
        model="openai.gpt-oss-20b",
        training_file=file.id,
        extra_body={"method": method(function, n_epochs=2, batch_size=4, learning_rate_multiplier=1.0)},
    )
    assert job.status == "validating_files"
    assert wait_for(plain, job.id).status == "succeeded"

    events = list(strict.fine_tuning.jobs.list_events(job.id, limit=7))
    assert len({event.id for event in events}) == len(events)
    metrics = [event.data for event in reversed(events) if event.type == "metrics"]
    assert [data["step"] for data in metrics] == list(range(1, 55))  # 2 * floor(floor(0.9 * 120) / 4)
    rewards = [data["critic_rewards_mean"] for data in metrics]
    assert sum(rewards[-18:]) > sum(rewards[:18])

    checkpoints = list(strict.fine_tuning.jobs.checkpoints.list(job.id, limit=2))
    assert [checkpoint.step_number for checkpoint in checkpoints] == [54, 40, 20]
    tuned = plain.fine_tuning.jobs.retrieve(job.id).fine_tuned_model
    assert tuned == checkpoints[0].fine_tuned_model_checkpoint
    question = json.loads(problems(1))["messages"]
    for model in (tuned, checkpoints[-1].fine_tuned_model_checkpoint):
        completion = strict.chat.completions.create(model=model, messages=question, temperature=0)
        assert completion.choices[0].message.content
        assert unknown_fields(completion) <= {".choices[].message.reasoning"}
    assert strict.responses.create(model=tuned, input="What is 2 + 2?").output_text
    assert tuned in {model.id for model in strict.models.list()}
    assert unknown_fields(file) == set()
    assert unknown_fields(events) == set()
    strict.models.delete(checkpoints[1].fine_tuned_model_checkpoint)
    with pytest.raises(openai.NotFoundError):
        strict.chat.completions.create(model=checkpoints[1].fine_tuned_model_checkpoint, messages=question)
    inside = emulator.control("GET", f"jobs/{job.id}")
    held_out = [score["reward_mean"] for score in inside["state"]["held_out"]]
    assert held_out[-1] > held_out[0]


def test_the_job_object_is_strict_but_for_its_lambda_grader(emulator: Any) -> None:
    from openai.types.fine_tuning import FineTuningJob

    function = emulator.deploy("strict-grader", GRADER)
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        file = client.files.create(file=("train.jsonl", problems(100)), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(
            model="qwen.qwen3-32b-v1:0", training_file=file.id, method=method(function, n_epochs=1)
        )
        client.fine_tuning.jobs.cancel(job.id)
    _, body = emulator.call("GET", f"/v1/fine_tuning/jobs/{job.id}")
    assert body["model"] == "qwen.qwen3-32b"
    assert body["method"]["reinforcement"].pop("grader")["type"] == "lambda"
    body["method"]["reinforcement"]["grader"] = {
        "type": "string_check", "name": "x", "input": "a", "operation": "eq", "reference": "b",
    }  # fmt: skip
    assert unknown_fields(FineTuningJob.model_validate(body)) == set()


async def test_the_asynchronous_sdk_does_it_too(emulator: Any) -> None:
    import asyncio

    function = emulator.deploy("async-grader", GRADER)
    async with openai.AsyncOpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        file = await client.files.create(file=("train.jsonl", problems(100)), purpose="fine-tune")
        jobs = client.fine_tuning.jobs
        job = await jobs.create(
            model="openai.gpt-oss-20b", training_file=file.id, method=method(function, n_epochs=1, batch_size=10)
        )
        while (job := await jobs.retrieve(job.id)).status not in {"succeeded", "failed"}:
            await asyncio.sleep(0.05)
        assert job.status == "succeeded", job.error
        assert len([event async for event in jobs.list_events(job.id, limit=3) if event.type == "metrics"]) == 9


def test_a_grader_that_raises_is_quoted(emulator: Any) -> None:
    function = emulator.deploy("raising-grader", "def handler(event, context):\n    raise KeyError('no such column')\n")
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        file = client.files.create(file=("train.jsonl", problems(100)), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(model="openai.gpt-oss-20b", training_file=file.id, method=method(function))
        ended = wait_for(client, job.id)
    assert ended.status == "failed"
    assert ended.error.code == "grader_error"
    assert "KeyError: 'no such column'" in ended.error.message


def test_changed_code_reaches_an_unqualified_grader_and_not_a_version(emulator: Any) -> None:
    always = (
        "def handler(event, context):\n    return [{{'id': s['id'], 'aggregate_reward_score': {}}} for s in event]\n"
    )
    version = emulator.deploy("moving-grader", always.format("0.25"))
    unqualified = version.rpartition(":")[0]
    emulator.control("POST", "faults", {"id": "slow", "slow_step_seconds": 0.1})
    try:
        with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
            file = client.files.create(file=("train.jsonl", problems(100)), purpose="fine-tune")
            jobs = [
                client.fine_tuning.jobs.create(
                    model="openai.gpt-oss-20b", training_file=file.id, method=method(function, batch_size=4)
                )
                for function in (version, unqualified)
            ]

            def rewards(job_id: str) -> list[float]:
                events = reversed(list(client.fine_tuning.jobs.list_events(job_id, limit=100)))
                return [event.data["critic_rewards_mean"] for event in events if event.type == "metrics"]

            while not all(rewards(job.id) for job in jobs):
                time.sleep(0.05)
            emulator.redeploy("moving-grader", always.format("0.75"))
            for job in jobs:
                assert wait_for(client, job.id).status == "succeeded"
            assert set(rewards(jobs[0].id)) == {0.25}
            assert set(rewards(jobs[1].id)) == {0.25, 0.75}
    finally:
        emulator.control("DELETE", "faults/slow")


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "gpt-4o"}, 404, "model"),
        ({"model": "openai.gpt-oss-120b"}, 404, "model"),
        ({"training_file": "00000000-0000-4000-8000-000000000000"}, 400, "training_file"),
        ({"training_file": 7}, 400, "training_file"),
        ({"suffix": "mine"}, 400, "suffix"),
        ({"method": None}, 400, "method"),
        ({"method": {"type": "supervised"}}, 400, "method.type"),
        ({"grader": {"type": "python", "source": "x"}}, 400, "method.reinforcement.grader.type"),
        ({"grader": {"type": "lambda", "lambda_arn": "x"}}, 400, "method.reinforcement.grader.lambda"),
        ({"function": "my-grader"}, 400, "method.reinforcement.grader.lambda.function"),
        ({"function": "arn:aws:lambda:us-east-1:123456789012:function:g"}, 400, "method.reinforcement.grader.lambda.function"),
        ({"function": "arn:aws:lambda:us-west-2:123456789012:function:none"}, 400, "method.reinforcement.grader.lambda.function"),
        ({"hyperparameters": {"n_epochs": "many"}}, 400, "method.reinforcement.hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": 0}}, 400, "method.reinforcement.hyperparameters.n_epochs"),
        ({"hyperparameters": {"batch_size": 2.5}}, 400, "method.reinforcement.hyperparameters.batch_size"),
        ({"hyperparameters": {"learning_rate_multiplier": True}}, 400, "method.reinforcement.hyperparameters.learning_rate_multiplier"),
        ({"metadata": {"a": 1}}, 400, "metadata"),
    ],
)  # fmt: skip
def test_requests_that_the_service_refuses_are_refused(
    emulator: Any, change: dict[str, Any], status: int, param: str
) -> None:
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        file = client.files.create(file=("train.jsonl", problems(1)), purpose="fine-tune")
    wanted = method(change.pop("function", "arn:aws:lambda:us-west-2:123456789012:function:none"))
    wanted["reinforcement"].update({name: change.pop(name) for name in ("grader", "hyperparameters") if name in change})
    body = {"model": "openai.gpt-oss-20b", "training_file": file.id, "method": wanted, **change}
    got, answer = emulator.call("POST", "/v1/fine_tuning/jobs", body)
    assert (got, answer["error"]["param"]) == (status, param), answer


def test_a_function_is_invoked_for_real(emulator: Any) -> None:
    function = emulator.deploy("direct-grader", GRADER)
    sample = {
        "id": "1",
        "messages": [{"role": "assistant", "content": "#### 4"}],
        "metadata": {"reference_answer": "4"},
    }
    reply = emulator.aws("lambda").invoke(FunctionName=function, Payload=json.dumps([sample]).encode())
    assert json.loads(reply["Payload"].read()) == [{"id": "1", "aggregate_reward_score": 1.0}]
    with pytest.raises(ClientError, match="Function not found"):
        emulator.aws("lambda").invoke(FunctionName="no-such-grader", Payload=b"[]")
