"""The native plane before botocore's stubber, which checks requests against the service's model."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_provider_bedrock_rft.clients.native import NativeTraining
from airflow_provider_bedrock_rft.clients.native_wire import WIRE_NAMES
from airflow_provider_bedrock_rft.core.errors import (
    InvalidJobSpec,
    RequestRejected,
    ResourceNotFound,
    UnsupportedOperation,
)
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARN = "arn:aws:bedrock:us-east-1:111122223333:model-customization-job/amazon.nova-2-lite-v1:0:256k/abcdef123456"
GRADER = "arn:aws:lambda:us-east-1:111122223333:function:grader:7"
SPEC = JobSpec(
    model="amazon.nova-2-lite-v1:0:256k",
    training_data="s3://my-bucket/train.jsonl",
    grader_arn=GRADER,
    hyperparameters=RftHyperparameters(n_epochs=2, batch_size=64, learning_rate=1e-5, reasoning_effort="high"),
    name="rft-0123456789abcdef",
    role_arn="arn:aws:iam::111122223333:role/rft",
    output_s3_uri="s3://my-bucket/out",
    tags={"team": "ml"},
)
CREATED = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)


def described(**changes: Any) -> dict[str, Any]:
    return {
        "jobArn": ARN,
        "jobName": SPEC.name,
        "outputModelName": SPEC.name,
        "clientRequestToken": "t" * 32,
        "roleArn": SPEC.role_arn,
        "status": "InProgress",
        "creationTime": CREATED,
        "baseModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0:256k",
        "trainingDataConfig": {"s3Uri": SPEC.training_data},
        "validationDataConfig": {"validators": []},
        "outputDataConfig": {"s3Uri": SPEC.output_s3_uri},
        "customizationConfig": {
            "rftConfig": {
                "graderConfig": {"lambdaGrader": {"lambdaArn": GRADER}},
                "hyperParameters": {"epochCount": 2, "batchSize": 64},
            }
        },
    } | changes


@pytest.fixture
def bedrock() -> Any:
    import boto3

    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return session.client("bedrock")


@pytest.fixture
def stubber(bedrock: Any) -> Iterator[Stubber]:
    with Stubber(bedrock) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_job_is_created_with_its_token_and_numbers_and_no_generic_map(bedrock: Any, stubber: Stubber) -> None:
    expected = {
        "jobName": SPEC.name,
        "customModelName": SPEC.name,
        "roleArn": SPEC.role_arn,
        "clientRequestToken": "t" * 32,
        "baseModelIdentifier": SPEC.model,
        "customizationType": "REINFORCEMENT_FINE_TUNING",
        "trainingDataConfig": {"s3Uri": SPEC.training_data},
        "outputDataConfig": {"s3Uri": SPEC.output_s3_uri},
        "customizationConfig": {
            "rftConfig": {
                "graderConfig": {"lambdaGrader": {"lambdaArn": GRADER}},
                "hyperParameters": {"epochCount": 2, "batchSize": 64, "learningRate": 1e-5, "reasoningEffort": "high"},
            }
        },
        "jobTags": [{"key": "team", "value": "ml"}],
        "customModelTags": [{"key": "team", "value": "ml"}],
    }
    stubber.add_response("create_model_customization_job", {"jobArn": ARN}, expected)
    stubber.add_response("get_model_customization_job", described(), {"jobIdentifier": ARN})
    job = NativeTraining(bedrock).create_job(SPEC, token="t" * 32)
    assert (job.job_id, job.token, job.grader_arn) == (ARN, "t" * 32, GRADER)
    assert job.hyperparameters == {"n_epochs": 2, "batch_size": 64}
    assert job.created_at == CREATED.timestamp()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 1024}, r"hyperParameters\.batchSize is 1024, the most is 512"),
        ({"batch_size": 8}, "the least is 16"),
        ({"n_epochs": 51}, "epochCount is 51"),
        ({"reasoning_effort": "extreme"}, "'extreme', which is none of low, medium, high"),
        ({"samples_per_prompt": 1}, "trainingSamplePerPrompt"),
    ],
)
@pytest.mark.usefixtures("stubber")
def test_what_the_services_model_refuses_is_never_sent(bedrock: Any, changes: Any, words: str) -> None:
    spec = replace(SPEC, hyperparameters=replace(SPEC.hyperparameters, **changes))
    with pytest.raises(InvalidJobSpec, match=words):
        NativeTraining(bedrock).create_job(spec, token="t" * 32)


def test_every_hyperparameter_of_the_services_model_has_a_word_of_ours(bedrock: Any) -> None:
    shape = bedrock.meta.service_model.shape_for("RFTHyperParameters")
    assert set(shape.members) == set(WIRE_NAMES.values())


def test_ended_jobs_carry_their_model_or_their_failure(bedrock: Any, stubber: Stubber) -> None:
    model = "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-2-lite-v1:0:256k/ghijkl123456"
    stubber.add_response("get_model_customization_job", described(status="Completed", outputModelArn=model))
    stubber.add_response("get_model_customization_job", described(status="Failed", failureMessage="Bad data."))
    training = NativeTraining(bedrock)
    assert training.get_job(ARN).tuned_model == model
    assert training.get_job(ARN).error_message == "Bad data."


def test_listings_are_newest_first_from_a_time_on(bedrock: Any, stubber: Stubber) -> None:
    summary = {k: described()[k] for k in ("jobArn", "jobName", "status", "baseModelArn", "creationTime")}
    order = {"creationTimeAfter": ANY, "maxResults": 250, "sortBy": "CreationTime", "sortOrder": "Descending"}
    page = {"modelCustomizationJobSummaries": [summary]}
    stubber.add_response("list_model_customization_jobs", page | {"nextToken": "n"}, order)
    stubber.add_response("list_model_customization_jobs", page, order | {"nextToken": "n"})
    jobs = list(NativeTraining(bedrock).list_jobs(created_after=1.0))
    assert [job.name for job in jobs] == [SPEC.name, SPEC.name]


@pytest.mark.parametrize("status", ["Stopping", "Stopped", "Completed"])
def test_stopping_what_is_over_is_no_error(bedrock: Any, stubber: Stubber, status: str) -> None:
    stubber.add_client_error("stop_model_customization_job", "ConflictException", "over", 400)
    stubber.add_response("get_model_customization_job", described(status=status))
    NativeTraining(bedrock).cancel_job(ARN)


def test_a_refused_stop_of_a_running_job_is_an_error(bedrock: Any, stubber: Stubber) -> None:
    stubber.add_client_error("stop_model_customization_job", "ValidationException", "not now", 400)
    stubber.add_response("get_model_customization_job", described())
    with pytest.raises(RequestRejected, match="not now"):
        NativeTraining(bedrock).cancel_job(ARN)


def test_a_missing_job_is_not_found(bedrock: Any, stubber: Stubber) -> None:
    stubber.add_client_error("get_model_customization_job", "ResourceNotFoundException", "no such job", 404)
    with pytest.raises(ResourceNotFound, match="no such job"):
        NativeTraining(bedrock).get_job(ARN)


def test_what_the_plane_has_not_is_declared(bedrock: Any, tmp_path: Path) -> None:
    training = NativeTraining(bedrock)
    assert not training.capabilities.stores_files
    assert list(training.list_events(ARN)) == list(training.list_checkpoints(ARN)) == []
    for call in (
        lambda: training.upload_file(tmp_path, name="x"),
        lambda: training.find_file(name="x"),
        lambda: training.delete_file("x"),
    ):
        with pytest.raises(UnsupportedOperation, match="s3://"):
            call()
