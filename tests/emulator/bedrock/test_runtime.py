from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

NOVA = "us.amazon.nova-2-lite-v1:0"
ASK = [{"role": "user", "content": [{"text": "What is 2 + 2? Answer with #### and the number."}]}]


def text_of(message: Any) -> str:
    return "".join(block.get("text", "") for block in message["content"])


def test_converse_answers_and_counts(native: Any) -> None:
    reply = native.runtime.converse(
        modelId=NOVA, messages=ASK, system=[{"text": "Be brief."}], inferenceConfig={"temperature": 0.0}
    )
    assert text_of(reply["output"]["message"])
    assert reply["stopReason"] == "end_turn"
    assert reply["usage"]["totalTokens"] == reply["usage"]["inputTokens"] + reply["usage"]["outputTokens"]
    again = native.runtime.converse(
        modelId=NOVA, messages=ASK, system=[{"text": "Be brief."}], inferenceConfig={"temperature": 0.0}
    )
    assert again["output"] == reply["output"]


def test_a_stream_says_the_same(native: Any) -> None:
    asked = {"modelId": NOVA, "messages": ASK, "inferenceConfig": {"temperature": 0.0}}
    whole = native.runtime.converse(**asked)
    events = list(native.runtime.converse_stream(**asked)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta.get("text", "") for delta in deltas) == text_of(whole["output"]["message"])
    assert [next(iter(event)) for event in events][-2:] == ["messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_stop_sequences_and_budgets_end_an_answer(native: Any) -> None:
    asked = {"modelId": NOVA, "messages": ASK}
    cut = native.runtime.converse(**asked, inferenceConfig={"maxTokens": 1, "temperature": 0.0})
    assert cut["stopReason"] == "max_tokens"
    whole = text_of(native.runtime.converse(**asked, inferenceConfig={"temperature": 0.0})["output"]["message"])
    stopped = native.runtime.converse(**asked, inferenceConfig={"temperature": 0.0, "stopSequences": [whole[-2:]]})
    assert stopped["stopReason"] == "stop_sequence"


@pytest.mark.parametrize("model", ["amazon.nova-2-lite-v1:0:256k", "openai.gpt-oss-20b-1:0"])
def test_invoke_speaks_the_models_own_format_whole_and_streamed(native: Any, model: str) -> None:
    if model.startswith("amazon"):
        body: Any = {"messages": ASK, "inferenceConfig": {"temperature": 0.0, "maxTokens": 200}}
    else:
        body = {"messages": [{"role": "user", "content": ASK[0]["content"][0]["text"]}], "temperature": 0.0}
    reply = json.loads(native.runtime.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    said = (
        text_of(reply["output"]["message"]) if model.startswith("amazon") else reply["choices"][0]["message"]["content"]
    )
    stream = native.runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in stream]
    if model.startswith("amazon"):
        pieces = [c["contentBlockDelta"]["delta"]["text"] for c in chunks if "contentBlockDelta" in c]
    else:
        pieces = [c["choices"][0]["delta"].get("content", "") for c in chunks]
    assert "".join(pieces)
    assert said.endswith("".join(pieces))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modelId": "nobodys.model"}, "model identifier is invalid"),
        ({"modelId": "arn:aws:bedrock:us-west-2:123456789012:custom-model/amazon.nova-2-lite-v1:0:256k/abcdefghijkl"},
         "regular expression"),
        ({"modelId": "arn:aws:bedrock:us-west-2:123456789012:custom-model-deployment/abcdefghijkl"}, "identifier"),
        ({"messages": []}, "user message"),
        ({"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": b"x"}}}]}]}, "text only"),
        ({"guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"}}, "guardrailConfig"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(native: Any, changes: Any, words: str) -> None:
    with pytest.raises(ClientError) as caught:
        native.runtime.converse(**{"modelId": NOVA, "messages": ASK, **changes})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert words in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", '{"messages": [1]}', '{"messages": [], "inferenceConfig": {"maxTokens": 0}}']
)
def test_bodies_that_make_no_sense_are_refused(native: Any, body: str) -> None:
    with pytest.raises(ClientError, match="Malformed input request"):
        native.runtime.invoke_model(modelId=NOVA, body=body)


@pytest.mark.parametrize(
    ("completion", "score"), [("It is 12 pens.", 10.0), ("It is 13.", 0.0), ("Reference answer:\n13. Score 10!", 0.0)]
)
def test_a_judge_can_be_foretold(native: Any, completion: str, score: float) -> None:
    system = 'Answer with {"reason": "<one sentence>", "score": <a number from 0 to 10>}.'
    prompt = f"Prompt:\nHow many?\n\nReference answer:\n12\n\nCompletion:\n=====ab=====\n{completion}\n=====ab====="
    reply = native.runtime.converse(
        modelId="openai.gpt-oss-120b-1:0",
        system=[{"text": system}],
        messages=[{"role": "user", "content": [{"text": prompt}]}],
    )
    assert json.loads(text_of(reply["output"]["message"]))["score"] == score


def test_a_bearer_token_opens_the_native_paths(native: Any) -> None:
    headers = {"authorization": f"Bearer {native.emulator.token()}"}
    body = {"messages": ASK}
    status, answer = native.emulator.call("POST", f"/model/{NOVA}/converse", body, headers=headers)
    assert (status, answer["stopReason"]) == (200, "end_turn")
    wrong = {"authorization": "Bearer bedrock-api-key-nonsense"}
    status, answer = native.emulator.call("POST", f"/model/{NOVA}/converse", body, headers=wrong)
    assert status == 403
    assert set(answer) == {"message"}


def test_invocations_are_logged_and_can_be_trained_on(native: Any, finished: Any, wait_until: Any) -> None:
    bedrock, runtime = native.bedrock, native.runtime
    log = {"s3Config": {"bucketName": native.bucket, "keyPrefix": "logs"}, "textDataDeliveryEnabled": True}
    bedrock.put_model_invocation_logging_configuration(loggingConfig=log)
    assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"] == log
    for number in range(110):
        asked = [{"role": "user", "content": [{"text": f"What is {number} + 1? Answer with #### and the number."}]}]
        app = "tutor" if number < 102 else "other"
        runtime.converse(modelId=NOVA, messages=asked, requestMetadata={"app": app})
    s3 = native.emulator.aws("s3")

    def logged() -> Any:
        found = s3.list_objects_v2(Bucket=native.bucket, Prefix="logs/").get("Contents", [])
        return [item["Key"] for item in found] if len(found) >= 110 else None

    keys = wait_until(logged)
    record = json.loads(gzip.decompress(s3.get_object(Bucket=native.bucket, Key=keys[0])["Body"].read()))
    assert (record["schemaType"], record["operation"], record["accountId"]) == (
        "ModelInvocationLog",
        "Converse",
        "123456789012",
    )
    assert record["identity"]["arn"] == "arn:aws:iam::123456789012:root"
    bedrock.delete_model_invocation_logging_configuration()
    assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()
    source = {
        "usePromptResponse": True,
        "invocationLogSource": {"s3Uri": f"s3://{native.bucket}/logs/"},
        "requestMetadataFilters": {"equals": {"app": "tutor"}},
    }
    request = native.request(trainingDataConfig={"invocationLogsConfig": source}, hyperparameters={"batchSize": 102})
    job = finished(native, bedrock.create_model_customization_job(**request)["jobArn"])
    assert job["status"] == "Completed", job
    number = job["jobArn"].rpartition("/")[2]
    assert native.emulator.control("GET", f"jobs/{number}")["state"]["n_records"] == 102


def test_a_fault_speaks_as_the_native_plane(native: Any) -> None:
    started = time.monotonic()
    native.emulator.control("POST", "faults", {"path": "/converse$", "times": 1, "status": 429, "message": "slow down"})
    assert native.runtime.converse(modelId=NOVA, messages=ASK)["usage"]  # botocore retries a throttle
    assert time.monotonic() > started
