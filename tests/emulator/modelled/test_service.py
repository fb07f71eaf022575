from __future__ import annotations

import json
from datetime import datetime, timezone
from urllib.parse import quote

import pytest

from airflow_provider_bedrock_rft.emulator.modelled.service import ModelledService, NotModelled, Violation, modelled

JOB = {
    "jobName": "math-1",
    "customModelName": "math",
    "roleArn": "arn:aws:iam::123456789012:role/Rft",
    "baseModelIdentifier": "amazon.nova-2-lite-v1:0:256k",
    "trainingDataConfig": {"s3Uri": "s3://bucket/train.jsonl"},
    "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
}


@pytest.fixture(scope="session")
def bedrock() -> ModelledService:
    return modelled("bedrock")


def read(bedrock: ModelledService, document: object) -> dict[str, object]:
    found = bedrock.find("POST", "/model-customization-jobs")
    assert found is not None
    return bedrock.read(found[0], found[1], {}, {}, json.dumps(document).encode())


def rft(**hyperparameters: object) -> dict[str, object]:
    return {**JOB, "customizationConfig": {"rftConfig": {"hyperParameters": hyperparameters}}}


def test_a_request_finds_its_operation_by_method_and_path(bedrock: ModelledService) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/amazon.nova-2-lite-v1:0:256k/abcdefghijkl"
    found = bedrock.find("GET", f"/model-customization-jobs/{quote(arn, safe='')}")
    assert found is not None
    assert (found[0].name, found[1]["jobIdentifier"]) == ("GetModelCustomizationJob", arn)
    assert bedrock.find("GET", "/no-such-path") is None


def test_every_operation_is_found_by_its_own_path(bedrock: ModelledService) -> None:
    for name in bedrock.model.operation_names:
        operation = bedrock.model.operation_model(name)
        path = operation.http["requestUri"].partition("?")[0].replace("+}", "}")
        labels = dict.fromkeys(operation.input_shape.members if operation.input_shape else {}, "x")
        found = bedrock.find(operation.http["method"], path.format(**labels))
        assert found is not None
        assert found[0].name == name


def test_a_good_request_is_read(bedrock: ModelledService) -> None:
    assert read(bedrock, rft(batchSize=16))["jobName"] == "math-1"


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({k: v for k, v in JOB.items() if k != "roleArn"}, "Value null at 'roleArn'"),
        ({**JOB, "jobName": "x" * 64}, "length less than or equal to 63"),
        ({**JOB, "jobName": "-x"}, "regular expression pattern"),
        ({**JOB, "customizationType": "SFT"}, "enum value set"),
        ({**JOB, "nonsense": 1}, "Unknown member"),
        (rft(batchSize=15), "greater than or equal to 16"),
        (rft(batchSize=513), "less than or equal to 512"),
        (rft(batchSize="16"), "must be of type integer"),
        (rft(epochCount=True), "must be of type integer"),
        (rft(reasoningEffort="extreme"), "enum value set"),
        ({**JOB, "customizationConfig": {}}, "Exactly one member of the union"),
        ({**JOB, "jobTags": [{"key": "a", "value": "b"}] * 201}, "length less than or equal to 200"),
        ([], "must be a JSON object"),
    ],
)
def test_each_constraint_is_checked(bedrock: ModelledService, document: object, sentence: str) -> None:
    with pytest.raises(Violation) as caught:
        read(bedrock, document)
    assert sentence in caught.value.message
    assert "validation error" in caught.value.message


def test_a_broken_body_is_a_violation(bedrock: ModelledService) -> None:
    found = bedrock.find("POST", "/model-customization-jobs")
    assert found is not None
    with pytest.raises(Violation, match="not valid JSON"):
        bedrock.read(found[0], {}, {}, {}, b"{")


def test_query_values_are_read_by_their_types(bedrock: ModelledService) -> None:
    found = bedrock.find("GET", "/model-customization-jobs")
    assert found is not None
    query = {"maxResults": "5", "creationTimeAfter": "2026-11-20T10:00:00Z", "statusEquals": "Completed"}
    params = bedrock.read(found[0], {}, query, {}, b"")
    assert params == {
        "maxResults": 5,
        "creationTimeAfter": datetime(2026, 11, 20, 10, tzinfo=timezone.utc),
        "statusEquals": "Completed",
    }
    with pytest.raises(Violation, match="not a valid integer"):
        bedrock.read(found[0], {}, {"maxResults": "five"}, {}, b"")


def test_an_answer_outside_its_shape_is_our_fault(bedrock: ModelledService) -> None:
    operation = bedrock.model.operation_model("CreateModelCustomizationJob")
    with pytest.raises(NotModelled, match="jobArn"):
        bedrock.write(operation, {})
    with pytest.raises(NotModelled, match="regular expression"):
        bedrock.write(operation, {"jobArn": "not-an-arn"})


def test_errors_carry_the_declared_status(bedrock: ModelledService) -> None:
    operation = bedrock.model.operation_model("CreateModelCustomizationJob")
    assert bedrock.status(operation) == 201
    assert bedrock.error_status(operation, "ConflictException") == 400
    assert bedrock.error_status(operation, "ThrottlingException") == 429
    assert bedrock.error_status(operation, "NoSuchException") is None
