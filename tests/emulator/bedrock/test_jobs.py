from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refused(call: Any, code: str, words: str = "", **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert words in caught.value.response["Error"]["Message"]


def rows(native: Any, key: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(native.read(key))))


def test_a_job_trains_and_says_everything_it_was_given(native: Any, trained: Any) -> None:
    assert trained["customizationConfig"]["rftConfig"]["hyperParameters"] == {
        "batchSize": 16,
        "trainingSamplePerPrompt": 2,
    }
    assert trained["baseModelArn"] == "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-2-lite-v1:0:256k"
    assert trained["validationDataConfig"] == {"validators": []}
    assert {part["status"] for part in trained["statusDetails"].values()} == {"Completed"}
    assert trained["endTime"] >= trained["creationTime"]
    assert native.bedrock.get_model_customization_job(jobIdentifier=trained["jobName"])["jobArn"] == trained["jobArn"]
    model = native.bedrock.get_custom_model(modelIdentifier=trained["outputModelArn"])
    assert (model["jobArn"], model["modelStatus"]) == (trained["jobArn"], "Active")
    job_id = trained["jobArn"].rpartition("/")[2]
    steps = rows(native, f"out/model-customization-job-{job_id}/training_artifacts/step_wise_training_metrics.csv")
    assert [int(row["step_number"]) for row in steps] == list(range(7))  # 120 records in batches of 16
    assert list(steps[0])[:4] == ["step_number", "epoch_number", "training_loss", "perplexity"]


def test_hyperparameters_count(native: Any, finished: Any) -> None:
    validation = native.put("val.jsonl", native.emulator.aws("s3").get_object(
        Bucket=native.bucket, Key=native.request()["trainingDataConfig"]["s3Uri"].rpartition("/")[2]
    )["Body"].read())  # fmt: skip
    request = native.request(
        hyperparameters={"epochCount": 2, "batchSize": 32, "evalInterval": 2, "learningRate": 1e-4},
        validationDataConfig={"validators": [{"s3Uri": validation}]},
    )
    arn = native.bedrock.create_model_customization_job(**request)["jobArn"]
    job = finished(native, arn)
    assert job["status"] == "Completed"
    folder = f"out/model-customization-job-{arn.rpartition('/')[2]}"
    steps = rows(native, f"{folder}/training_artifacts/step_wise_training_metrics.csv")
    assert [row["epoch_number"] for row in steps] == ["0", "0", "0", "1", "1", "1"]
    scores = rows(native, f"{folder}/validation_artifacts/post_fine_tuning_validation/validation_metrics.csv")
    assert [row["step_number"] for row in scores] == ["0", "1", "3", "5"]  # the base, then every second step
    assert job["validationMetrics"][0]["validationLoss"] == -float(scores[-1]["val-score/rewards/mean@1"])


def test_prompts_that_are_too_long_are_dropped(native: Any, finished: Any) -> None:
    arn = native.bedrock.create_model_customization_job(**native.request(hyperparameters={"maxPromptLength": 5}))
    job = finished(native, arn["jobArn"])
    assert (job["status"], job["failureMessage"]) == ("Failed", "the file has 0 records; at least 100 are needed")
    assert "outputModelArn" not in job


def test_the_same_token_gives_the_same_job(native: Any) -> None:
    create = native.bedrock.create_model_customization_job
    request = native.request(clientRequestToken="one-token")
    arn = create(**request)["jobArn"]
    assert create(**request)["jobArn"] == arn
    refused(create, "ConflictException", "token", **{**request, "customModelName": "another"})
    refused(create, "ValidationException", **{**request, "clientRequestToken": "two-token"})


def test_names_are_taken_once(native: Any) -> None:
    create = native.bedrock.create_model_customization_job
    request = native.request()
    create(**request)
    with pytest.raises(ClientError) as caught:
        create(**{**request, "customModelName": "yet-another"})
    assert caught.value.response["Error"]["Message"] == "The provided job name is currently in use."
    refused(create, "ValidationException", "model name", **{**request, "jobName": "yet-another"})


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"customizationType": "FINE_TUNING"}, "ValidationException", "REINFORCEMENT_FINE_TUNING only"),
        ({"baseModelIdentifier": "amazon.nova-pro-v1:0"}, "ValidationException", "does not support"),
        ({"baseModelIdentifier": "nobodys.model"}, "ResourceNotFoundException", "nobodys.model"),
        ({"customizationConfig": {"rftConfig": {}}}, "ValidationException", "lambdaGrader"),
        ({"trainingDataConfig": {}}, "ValidationException", "exactly one"),
        ({"hyperparameters": {"maxPromptLength": 0}}, "ValidationException", "maxPromptLength"),
        ({"hyperparameters": {"batchSize": 513}}, "ValidationException", "less than or equal to 512"),
        ({"jobName": "a" * 64}, "ValidationException", "length less than or equal to 63"),
        ({"customModelName": "a.b"}, "ValidationException", "regular expression"),
    ],
)
def test_what_cannot_be_trained_is_refused(native: Any, changes: Any, code: str, words: str) -> None:
    refused(native.bedrock.create_model_customization_job, code, words, **native.request(**changes))


def test_a_job_is_stopped_and_leaves_its_last_checkpoint(native: Any, finished: Any, wait_until: Any) -> None:
    bedrock = native.bedrock
    request = native.request(hyperparameters={"epochCount": 50, "evalInterval": 1})
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    number = arn.rpartition("/")[2]
    wait_until(lambda: native.emulator.call("GET", f"/_emulator/jobs/{number}")[1].get("state", {}).get("step", 0) > 1)
    bedrock.stop_model_customization_job(jobIdentifier=request["jobName"])
    refused(bedrock.stop_model_customization_job, "ConflictException", jobIdentifier=arn)
    job = finished(native, arn)
    assert (job["status"], job["statusDetails"]["trainingDetails"]["status"]) == ("Stopped", "Stopped")
    assert bedrock.get_custom_model(modelIdentifier=job["outputModelArn"])["modelName"] == request["customModelName"]
    refused(bedrock.stop_model_customization_job, "ConflictException", "Stopped", jobIdentifier=arn)


def test_jobs_are_listed_by_every_filter_and_page(native: Any, trained: Any) -> None:
    bedrock = native.bedrock
    arns = [bedrock.create_model_customization_job(**native.request())["jobArn"] for _ in range(3)]
    pages = bedrock.get_paginator("list_model_customization_jobs").paginate(PaginationConfig={"PageSize": 2})
    newest = [job["jobArn"] for page in pages for job in page["modelCustomizationJobSummaries"]]
    assert newest[:3] == arns[::-1]
    assert len(newest) == len(set(newest))

    def listed(**filters: Any) -> list[Any]:
        return list(bedrock.list_model_customization_jobs(maxResults=1000, **filters)["modelCustomizationJobSummaries"])

    assert [job["jobArn"] for job in listed(sortBy="CreationTime", sortOrder="Ascending")] == newest[::-1]
    assert trained["jobArn"] in {job["jobArn"] for job in listed(statusEquals="Completed")}
    assert [job["jobArn"] for job in listed(nameContains=trained["jobName"].upper())][-1:] == [trained["jobArn"]]
    later = trained["endTime"] + timedelta(seconds=1)  # times come in whole seconds, and the job may be that quick
    assert trained["jobArn"] not in {job["jobArn"] for job in listed(creationTimeAfter=later)}
    found = [job for job in listed(creationTimeBefore=later) if job["jobArn"] == trained["jobArn"]]
    assert (found[0]["customModelArn"], found[0]["customModelName"]) == (
        trained["outputModelArn"],
        trained["outputModelName"],
    )
    refused(bedrock.list_model_customization_jobs, "ValidationException", "token", nextToken="nonsense")


def test_jobs_of_others_are_not_there(native: Any, trained: Any) -> None:
    import boto3

    from_elsewhere = boto3.client(
        "bedrock",
        endpoint_url=native.emulator.url,
        region_name="us-east-1",
        aws_access_key_id="AKIALOCALEMULATOR001",
        aws_secret_access_key="local-emulator-secret",
    )
    refused(
        from_elsewhere.get_model_customization_job,
        "ResourceNotFoundException",
        trained["jobArn"],
        jobIdentifier=trained["jobArn"],
    )
    assert from_elsewhere.list_model_customization_jobs()["modelCustomizationJobSummaries"] == []
