from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

NOVA = "amazon.nova-2-lite-v1:0:256k"
_NUMBERS = itertools.count()


def refused(call: Any, code: str, words: str = "", **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert words in caught.value.response["Error"]["Message"]


@pytest.fixture
def imported(native: Any) -> str:
    """The ARN of a model of the test's own."""
    name = f"imported-{next(_NUMBERS)}"
    native.put(f"{name}/weights.bin", b"not really weights")
    source = {"s3DataSource": {"s3Uri": f"s3://{native.bucket}/{name}/"}}
    return str(
        native.bedrock.create_custom_model(modelName=name, modelSourceConfig=source, roleArn=native.role)["modelArn"]
    )


def test_models_are_listed_shown_and_deleted(native: Any, trained: Any, imported: str) -> None:
    bedrock = native.bedrock

    def listed(**filters: Any) -> set[str]:
        return {model["modelArn"] for model in bedrock.list_custom_models(**filters)["modelSummaries"]}

    base = f"arn:aws:bedrock:us-west-2::foundation-model/{NOVA}"
    assert {trained["outputModelArn"], imported} <= listed(foundationModelArnEquals=base, modelStatus="Active")
    assert listed(isOwned=False) == set()
    assert listed(nameContains=trained["outputModelName"]) >= {trained["outputModelArn"]}
    assert bedrock.get_custom_model(modelIdentifier=imported)["customizationType"] == "IMPORTED"
    bedrock.delete_custom_model(modelIdentifier=imported)
    assert imported not in listed()
    refused(bedrock.get_custom_model, "ResourceNotFoundException", modelIdentifier=imported)


def test_an_import_needs_something_to_import_and_the_right_to_read_it(native: Any) -> None:
    create = native.bedrock.create_custom_model
    nothing = {"s3DataSource": {"s3Uri": f"s3://{native.bucket}/nothing/"}}
    refused(create, "ValidationException", "nothing at", modelName="empty", modelSourceConfig=nothing)
    native.put("there/weights.bin", b"x")
    there = {"s3DataSource": {"s3Uri": f"s3://{native.bucket}/there/"}}
    role = native.make_role("importer-without", ("s3:PutObject",))
    refused(create, "ValidationException", "s3:GetObject", modelName="no-right", modelSourceConfig=there, roleArn=role)


def test_a_deployment_lives_from_creating_to_deleted(native: Any, trained: Any, imported: str, wait_until: Any) -> None:
    bedrock, model = native.bedrock, trained["outputModelArn"]
    request = {"modelDeploymentName": "on-demand", "modelArn": model, "clientRequestToken": "deploy-once"}
    arn = bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"]
    assert bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"] == arn
    refused(
        bedrock.create_custom_model_deployment,
        "ValidationException",
        "in use",
        modelDeploymentName="on-demand",
        modelArn=model,
    )

    def shown() -> Any:
        return bedrock.get_custom_model_deployment(customModelDeploymentIdentifier="on-demand")

    assert shown()["status"] == "Creating"
    chat = {"messages": [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]}
    with pytest.raises(ClientError, match="not ready"):
        native.emulator.aws("bedrock-runtime", config=no_retries()).converse(modelId=arn, **chat)
    wait_until(lambda: shown()["status"] == "Active")
    assert native.runtime.converse(modelId=arn, **chat)["output"]["message"]["content"][0]["text"]
    summaries = bedrock.list_custom_model_deployments(modelArnEquals=model, statusEquals="Active")
    assert summaries["modelDeploymentSummaries"][0]["customModelDeploymentName"] == "on-demand"
    refused(bedrock.delete_custom_model, "ConflictException", arn, modelIdentifier=model)
    bedrock.update_custom_model_deployment(customModelDeploymentIdentifier=arn, modelArn=imported)
    assert (shown()["modelArn"], shown()["updateDetails"]["updateStatus"]) == (model, "Updating")
    wait_until(lambda: shown()["updateDetails"]["updateStatus"] == "UpdateCompleted")
    assert shown()["modelArn"] == imported
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    refused(
        bedrock.get_custom_model_deployment,
        "ResourceNotFoundException",
        customModelDeploymentIdentifier="on-demand",
    )


def no_retries() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1})


def test_provisioned_throughput_lives_from_creating_to_deleted(native: Any, imported: str, wait_until: Any) -> None:
    bedrock = native.bedrock
    arn = bedrock.create_provisioned_model_throughput(
        modelUnits=2, provisionedModelName="units", modelId=imported, tags=[{"key": "team", "value": "ml"}]
    )["provisionedModelArn"]

    def shown() -> Any:
        return bedrock.get_provisioned_model_throughput(provisionedModelId=arn)

    assert (shown()["status"], shown()["modelUnits"]) == ("Creating", 2)
    wait_until(lambda: shown()["status"] == "InService")
    assert native.runtime.converse(modelId=arn, messages=[{"role": "user", "content": [{"text": "2+2?"}]}])["usage"]
    refused(bedrock.delete_custom_model, "ConflictException", modelIdentifier=imported)
    bedrock.update_provisioned_model_throughput(
        provisionedModelId="units", desiredProvisionedModelName="more-units", desiredModelId=NOVA
    )
    wait_until(lambda: shown()["status"] == "InService")
    assert (shown()["provisionedModelName"], shown()["modelArn"]) == ("more-units", shown()["foundationModelArn"])
    refused(bedrock.get_provisioned_model_throughput, "ResourceNotFoundException", provisionedModelId="units")
    found = bedrock.list_provisioned_model_throughputs(nameContains="more", statusEquals="InService")
    assert [item["provisionedModelArn"] for item in found["provisionedModelSummaries"]] == [arn]
    bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)
    bedrock.delete_custom_model(modelIdentifier=imported)


def test_a_commitment_is_kept(native: Any) -> None:
    bedrock = native.bedrock
    arn = bedrock.create_provisioned_model_throughput(
        modelUnits=1, provisionedModelName="committed", modelId=NOVA, commitmentDuration="OneMonth"
    )["provisionedModelArn"]
    refused(bedrock.delete_provisioned_model_throughput, "ConflictException", "commitment", provisionedModelId=arn)


def test_tags_come_and_go(native: Any, imported: str) -> None:
    bedrock = native.bedrock

    def tags() -> dict[str, str]:
        found = bedrock.list_tags_for_resource(resourceARN=imported)["tags"]
        return {tag["key"]: tag["value"] for tag in found}

    assert tags() == {}
    bedrock.tag_resource(resourceARN=imported, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
    bedrock.untag_resource(resourceARN=imported, tagKeys=["a"])
    assert tags() == {"b": ""}
    many = [{"key": f"k{i}", "value": "v"} for i in range(200)]
    refused(bedrock.tag_resource, "TooManyTagsException", resourceARN=imported, tags=many)
    strange = imported[:-12] + "0" * 12
    refused(bedrock.list_tags_for_resource, "ResourceNotFoundException", resourceARN=strange)


def test_foundation_models_are_filtered(native: Any) -> None:
    bedrock = native.bedrock
    amazons = bedrock.list_foundation_models(byProvider="Amazon", byInferenceType="PROVISIONED")["modelSummaries"]
    assert NOVA in {model["modelId"] for model in amazons}
    assert {model["providerName"] for model in amazons} == {"Amazon"}
    assert bedrock.list_foundation_models(byOutputModality="IMAGE")["modelSummaries"] == []
    shown = bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]
    assert shown["modelLifecycle"]["status"] == "ACTIVE"
    refused(bedrock.get_foundation_model, "ResourceNotFoundException", modelIdentifier="nobodys.model")
