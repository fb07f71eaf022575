from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_bedrock_rft.emulator.bedrock import deployments, throughput

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
    for lacking, right in (("s3:GetObject", "s3:ListBucket"), ("s3:ListBucket", "s3:GetObject")):
        role = native.make_role(f"importer-with-{right[3:]}", (right,))
        refused(create, "ValidationException", lacking, modelName="no-right", modelSourceConfig=there, roleArn=role)


def test_imported_weights_answer(native: Any, wait_until: Any) -> None:
    from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
    from airflow_provider_bedrock_rft.emulator.learner.runtime import answer
    from airflow_provider_bedrock_rft.emulator.learner.weights import dump_weights

    weights = dump_weights(-base_weights())
    messages = [{"role": "user", "content": "Tom has 3 pens and buys 4 more. How many pens does he have now?"}]
    meant = answer(weights, messages, temperature=0.0, seed=1, max_tokens=None).text
    assert meant != answer(None, messages, temperature=0.0, seed=1, max_tokens=None).text
    name = f"imported-{next(_NUMBERS)}"
    native.put(f"{name}/config.json", b"{}")
    native.put(f"{name}/model.weights", weights)
    source = {"s3DataSource": {"s3Uri": f"s3://{native.bucket}/{name}/"}}
    model = native.bedrock.create_custom_model(modelName=name, modelSourceConfig=source, roleArn=native.role)
    arn = native.bedrock.create_provisioned_model_throughput(
        modelUnits=1, provisionedModelName=name, modelId=model["modelArn"]
    )["provisionedModelArn"]
    show = native.bedrock.get_provisioned_model_throughput
    wait_until(lambda: show(provisionedModelId=arn)["status"] == "InService")
    said = native.runtime.converse(
        modelId=arn,
        messages=[{"role": "user", "content": [{"text": messages[0]["content"]}]}],
        inferenceConfig={"temperature": 0.0},
    )
    assert said["output"]["message"]["content"][-1]["text"] == meant


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

    chat = {"messages": [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]}
    wait_until(lambda: shown()["status"] == "Active")
    assert native.runtime.converse(modelId=arn, **chat)["output"]["message"]["content"][0]["text"]
    summaries = bedrock.list_custom_model_deployments(modelArnEquals=model, statusEquals="Active")
    assert summaries["modelDeploymentSummaries"][0]["customModelDeploymentName"] == "on-demand"
    refused(bedrock.delete_custom_model, "ConflictException", arn, modelIdentifier=model)
    bedrock.update_custom_model_deployment(customModelDeploymentIdentifier=arn, modelArn=imported)
    wait_until(lambda: shown()["updateDetails"]["updateStatus"] == "UpdateCompleted")
    assert shown()["modelArn"] == imported
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    refused(
        bedrock.get_custom_model_deployment,
        "ResourceNotFoundException",
        customModelDeploymentIdentifier="on-demand",
    )


def test_a_deployment_is_what_the_time_says() -> None:
    new = {"modelDeploymentName": "d", "modelArn": "old", "lastUpdatedAt": 100.0}
    assert deployments.as_of(new, 100.1)["status"] == "Creating"
    assert deployments.as_of(new, 100.5)["status"] == "Active"
    changed = {**new, "updateDetails": {"modelArn": "new", "updateStatus": "Updating"}}
    early, late = deployments.as_of(changed, 100.1), deployments.as_of(changed, 100.5)
    assert (early["status"], early["modelArn"], early["updateDetails"]["updateStatus"]) == ("Active", "old", "Updating")
    assert (late["status"], late["modelArn"], late["updateDetails"]["updateStatus"]) == (
        "Active",
        "new",
        "UpdateCompleted",
    )


def test_provisioned_throughput_is_what_the_time_says() -> None:
    new = {"creationTime": 100.0, "lastModifiedTime": 100.0, "modelArn": "old", "desiredModelArn": "new"}
    assert throughput.as_of(new, 100.1)["status"] == "Creating"
    changed = {**new, "lastModifiedTime": 200.0}
    assert (throughput.as_of(changed, 200.1)["status"], throughput.as_of(changed, 200.1)["modelArn"]) == (
        "Updating",
        "old",
    )
    assert (throughput.as_of(changed, 200.5)["status"], throughput.as_of(changed, 200.5)["modelArn"]) == (
        "InService",
        "new",
    )


def test_a_model_that_is_not_ready_is_told(start_emulator: Any, native_of: Any) -> None:
    native = native_of(start_emulator("--speed", "0.001"))  # half a second takes minutes here
    arn = native.bedrock.create_provisioned_model_throughput(modelUnits=1, provisionedModelName="slow", modelId=NOVA)[
        "provisionedModelArn"
    ]
    ask = [{"role": "user", "content": [{"text": "2+2?"}]}]
    runtime = native.emulator.aws("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    refused(runtime.converse, "ModelNotReadyException", "not ready", modelId=arn, messages=ask)


def test_provisioned_throughput_lives_from_creating_to_deleted(native: Any, imported: str, wait_until: Any) -> None:
    bedrock = native.bedrock
    arn = bedrock.create_provisioned_model_throughput(
        modelUnits=2, provisionedModelName="units", modelId=imported, tags=[{"key": "team", "value": "ml"}]
    )["provisionedModelArn"]

    def shown() -> Any:
        return bedrock.get_provisioned_model_throughput(provisionedModelId=arn)

    assert shown()["modelUnits"] == 2
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
