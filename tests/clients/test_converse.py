"""Converse before botocore's stubber, deployments too, and the choice between the runtimes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_provider_bedrock_rft.clients.converse import ConverseRuntime, EitherRuntime
from airflow_provider_bedrock_rft.clients.deployments import BedrockDeployments
from airflow_provider_bedrock_rft.clients.roles import IamRoles
from airflow_provider_bedrock_rft.core.deployment import DeploymentKind, DeploymentSpec, Readiness
from airflow_provider_bedrock_rft.core.errors import (
    InvalidInput,
    ResourceConflict,
    ServiceUnavailable,
    Throttled,
    UnsupportedOperation,
)
from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "arn:aws:bedrock:us-east-1:111122223333"
DEPLOYMENT = f"{ACCOUNT}:custom-model-deployment/mnopqr123456"
PROVISIONED = f"{ACCOUNT}:provisioned-model/mnopqr123456"
MODEL = f"{ACCOUNT}:custom-model/amazon.nova-2-lite-v1:0:256k/ghijkl123456"
OTHER = MODEL.replace("ghijkl", "stuvwx")
AT = datetime(2026, 11, 20, 13, 15, tzinfo=timezone.utc)


@pytest.fixture
def client() -> Iterator[Callable[[str], tuple[Any, Stubber]]]:
    session: Any = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    stubs: list[Stubber] = []

    def make(service: str) -> tuple[Any, Stubber]:
        made = session.client(service)
        stubs.append(Stubber(made))
        stubs[-1].activate()
        return made, stubs[-1]

    yield make
    for stub in stubs:
        stub.assert_no_pending_responses()


def asked(*messages: tuple[str, str], **options: Any) -> CompletionRequest:
    turns = tuple(Message(role=role, content=content) for role, content in messages)
    return CompletionRequest(model=DEPLOYMENT, messages=turns, **options)


def reply(*content: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10},
        "metrics": {"latencyMs": 5},
    }


def test_an_api_that_the_plane_has_not_is_refused_before_it_is_asked(client: Any) -> None:
    runtime, _ = client("bedrock-runtime")
    with pytest.raises(UnsupportedOperation, match="no API 'responses'"):
        ConverseRuntime(runtime).complete(asked(("user", "2+2?"), api="responses"))


def test_a_question_is_translated_and_its_answer_back(client: Any) -> None:
    runtime, stub = client("bedrock-runtime")
    expected = {
        "modelId": DEPLOYMENT,
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "2+2?"}, {"text": "Please."}]},
            {"role": "assistant", "content": [{"text": "4"}]},
            {"role": "user", "content": [{"text": "Sure?"}]},
        ],
        "inferenceConfig": {"maxTokens": 64, "temperature": 0.5},
    }
    thought = {"reasoningContent": {"reasoningText": {"text": "Two and two."}}}
    stub.add_response("converse", reply(thought, {"text": "Yes, "}, {"text": "4."}), expected)
    turns = [("system", "Be brief."), ("user", "2+2?"), ("user", "Please."), ("assistant", "4"), ("user", "Sure?")]
    found = ConverseRuntime(runtime).complete(asked(*turns, max_tokens=64, temperature=0.5, seed=3))
    assert (found.text, found.reasoning, found.finish_reason) == ("Yes, 4.", "Two and two.", "stop")
    assert (found.prompt_tokens, found.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    ("stop", "reason"), [("max_tokens", "length"), ("stop_sequence", "stop"), ("content_filtered", "content_filtered")]
)
def test_reasons_to_stop(client: Any, stop: str, reason: str) -> None:
    runtime, stub = client("bedrock-runtime")
    stub.add_response("converse", reply(stop=stop))
    found = ConverseRuntime(runtime).complete(asked(("user", "?")))
    assert (found.text, found.finish_reason) == ("", reason)


def test_refusals_pass_and_nonsense_is_the_services_failure(client: Any) -> None:
    runtime, stub = client("bedrock-runtime")
    stub.add_client_error("converse", "ThrottlingException", "slow down", 429)
    with pytest.raises(Throttled):
        ConverseRuntime(runtime).complete(asked(("user", "?")))

    class Mad:
        def converse(self, **_: object) -> dict[str, object]:
            return {"output": None}

    with pytest.raises(ServiceUnavailable, match="cannot be read"):
        ConverseRuntime(Mad()).complete(asked(("user", "?")))


def test_each_model_is_asked_where_it_is() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def complete(self, request: CompletionRequest) -> Completion:
            return Completion(text=f"{self.name} {request.model}")

    either = EitherRuntime(mantle=lambda: Named("mantle"), native=lambda: Named("native"))
    for model, name in {"openai.gpt-oss-20b": "mantle", "ft:x": "mantle", DEPLOYMENT: "native"}.items():
        assert either.complete(CompletionRequest(model=model, messages=())).text == f"{name} {model}"


def on_demand(**changes: Any) -> dict[str, Any]:
    return {
        "customModelDeploymentArn": DEPLOYMENT,
        "modelDeploymentName": "tutor",
        "modelArn": MODEL,
        "createdAt": AT,
        "status": "Active",
        **changes,
    }


def provisioned(**changes: Any) -> dict[str, Any]:
    return {
        "modelUnits": 1,
        "desiredModelUnits": 1,
        "provisionedModelName": "tutor",
        "provisionedModelArn": PROVISIONED,
        "modelArn": MODEL,
        "desiredModelArn": MODEL,
        "foundationModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0:256k",
        "status": "InService",
        "creationTime": AT,
        "lastModifiedTime": AT,
        **changes,
    }


def test_both_kinds_are_created_with_a_token_and_read_back(client: Any) -> None:
    bedrock, stub = client("bedrock")
    tags = [{"key": "team", "value": "ml"}]
    expected: dict[str, Any] = {
        "modelDeploymentName": "tutor",
        "modelArn": MODEL,
        "clientRequestToken": "t" * 32,
        "tags": tags,
    }
    stub.add_response("create_custom_model_deployment", {"customModelDeploymentArn": DEPLOYMENT}, expected)
    found = {"customModelDeploymentIdentifier": DEPLOYMENT}
    stub.add_response("get_custom_model_deployment", on_demand(status="Creating"), found)
    spec = DeploymentSpec(custom_model=MODEL, name="tutor", tags={"team": "ml"})
    made = BedrockDeployments(bedrock).create(spec, token="t" * 32)
    assert (made.model, made.readiness_for(MODEL)) == (DEPLOYMENT, Readiness.UNDER_WAY)

    expected = {
        "provisionedModelName": "tutor",
        "modelId": MODEL,
        "modelUnits": 2,
        "clientRequestToken": "t" * 32,
        "commitmentDuration": "OneMonth",
    }
    stub.add_response("create_provisioned_model_throughput", {"provisionedModelArn": PROVISIONED}, expected)
    stub.add_response("get_provisioned_model_throughput", provisioned(), {"provisionedModelId": PROVISIONED})
    spec = DeploymentSpec(
        custom_model=MODEL, name="tutor", kind=DeploymentKind.PROVISIONED, model_units=2, commitment="OneMonth"
    )
    made = BedrockDeployments(bedrock).create(spec, token="t" * 32)
    assert (made.model, made.serving) == (PROVISIONED, DeploymentKind.PROVISIONED)
    assert made.readiness_for(MODEL) is Readiness.READY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "no spaces please"}, "modelDeploymentName"),
        ({"name": "a--b"}, "does not match"),
        ({"kind": DeploymentKind.PROVISIONED, "commitment": "TwoMonths"}, "none of OneMonth, SixMonths"),
    ],
)
def test_what_the_services_model_refuses_is_never_sent(client: Any, changes: Any, words: str) -> None:
    bedrock, _ = client("bedrock")
    with pytest.raises(InvalidInput, match=words):
        BedrockDeployments(bedrock).create(DeploymentSpec(custom_model=MODEL, **changes), token="t" * 32)


def test_a_switch_is_ready_only_with_the_new_model(client: Any) -> None:
    bedrock, stub = client("bedrock")
    port = BedrockDeployments(bedrock)
    expected = {"customModelDeploymentIdentifier": DEPLOYMENT, "modelArn": OTHER}
    stub.add_response("update_custom_model_deployment", {"customModelDeploymentArn": DEPLOYMENT}, expected)
    port.switch(DEPLOYMENT, custom_model=OTHER)
    for status, serving, readiness in (
        ("Updating", MODEL, Readiness.UNDER_WAY),
        ("UpdateFailed", MODEL, Readiness.FAILED),
        ("UpdateCompleted", OTHER, Readiness.READY),
    ):
        details = {"modelArn": OTHER, "updateStatus": status}
        stub.add_response("get_custom_model_deployment", on_demand(modelArn=serving, updateDetails=details))
        assert port.get(DEPLOYMENT).readiness_for(OTHER) is readiness
    stub.add_response("update_provisioned_model_throughput", {})
    port.switch(PROVISIONED, custom_model=OTHER)
    stub.add_response("get_provisioned_model_throughput", provisioned(status="Updating", desiredModelArn=OTHER))
    found = port.get(PROVISIONED)
    assert found.serves_or_will_serve(OTHER)
    assert found.readiness_for(OTHER) is Readiness.UNDER_WAY


def test_what_is_gone_is_gone_and_a_commitment_is_kept(client: Any) -> None:
    bedrock, stub = client("bedrock")
    port = BedrockDeployments(bedrock)
    for operation in (
        "get_custom_model_deployment",
        "delete_custom_model_deployment",
        "delete_custom_model",
        "delete_provisioned_model_throughput",
    ):
        stub.add_client_error(operation, "ResourceNotFoundException", "gone", 404)
    assert port.find("tutor", kind=DeploymentKind.ON_DEMAND) is None
    port.delete(DEPLOYMENT)
    port.delete_custom_model(MODEL)
    port.delete(PROVISIONED)
    stub.add_client_error("delete_provisioned_model_throughput", "ConflictException", "under commitment", 400)
    with pytest.raises(ResourceConflict, match="under commitment"):
        port.delete(PROVISIONED)


def test_a_service_may_be_trusted_for_one_account_only(client: Any) -> None:
    import json

    iam, stub = client("iam")
    sts, _ = client("sts")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "bedrock.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
            }
        ],
    }
    role = {
        "Role": {
            "Path": "/",
            "RoleName": "rft-job-x",
            "RoleId": "AROAEXAMPLEEXAMPLE12",
            "Arn": "arn:aws:iam::111122223333:role/rft-job-x",
            "CreateDate": AT,
        }
    }
    stub.add_response("get_role", role, {"RoleName": "rft-job-x"})
    expected = {"RoleName": "rft-job-x", "PolicyDocument": json.dumps(trust)}
    stub.add_response("update_assume_role_policy", {}, expected)
    stub.add_response("put_role_policy", {})
    arn = IamRoles(iam, sts).ensure_role(
        "rft-job-x",
        trusted_service="bedrock.amazonaws.com",
        policy={"Version": "2012-10-17", "Statement": []},
        managed_policies=(),
        source_account="111122223333",
    )
    assert arn == role["Role"]["Arn"]
