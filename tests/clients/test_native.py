"""The native plane before botocore's stubber, which checks requests against the service's model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from airflow_provider_bedrock_rft.clients.native import NativeTraining
from airflow_provider_bedrock_rft.clients.native_wire import WIRE_NAMES
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import (
    InvalidJobSpec,
    RequestRejected,
    ResourceNotFound,
    UnsupportedOperation,
)
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.spec import InvocationLogs, JobSpec, RftHyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


@dataclass
class Objects:
    """What the service has written, by URI."""

    stored: dict[str, bytes]

    def list(self, prefix: str) -> Iterator[str]:
        return iter([uri for uri in self.stored if uri.startswith(prefix)])

    def get(self, uri: str) -> bytes:
        return self.stored[uri]


def training_of(bedrock: Any, stored: dict[str, bytes] | None = None) -> NativeTraining:
    objects: Any = Objects(stored or {})
    return NativeTraining(bedrock, objects, FakeClock(CREATED.timestamp() + 1000))


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
    job = training_of(bedrock).create_job(SPEC, token="t" * 32)
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
        training_of(bedrock).create_job(spec, token="t" * 32)


def test_every_hyperparameter_of_the_services_model_has_a_word_of_ours(bedrock: Any) -> None:
    shape = bedrock.meta.service_model.shape_for("RFTHyperParameters")
    assert set(shape.members) == set(WIRE_NAMES.values())


def test_ended_jobs_carry_their_model_or_their_failure(bedrock: Any, stubber: Stubber) -> None:
    model = "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-2-lite-v1:0:256k/ghijkl123456"
    stubber.add_response("get_model_customization_job", described(status="Completed", outputModelArn=model))
    stubber.add_response("get_model_customization_job", described(status="Failed", failureMessage="Bad data."))
    training = training_of(bedrock)
    assert training.get_job(ARN).tuned_model == model
    assert training.get_job(ARN).error_message == "Bad data."


def test_listings_are_newest_first_from_a_time_on(bedrock: Any, stubber: Stubber) -> None:
    summary = {k: described()[k] for k in ("jobArn", "jobName", "status", "baseModelArn", "creationTime")}
    order = {"creationTimeAfter": ANY, "maxResults": 250, "sortBy": "CreationTime", "sortOrder": "Descending"}
    page = {"modelCustomizationJobSummaries": [summary]}
    stubber.add_response("list_model_customization_jobs", page | {"nextToken": "n"}, order)
    stubber.add_response("list_model_customization_jobs", page, order | {"nextToken": "n"})
    jobs = list(training_of(bedrock).list_jobs(created_after=1.0))
    assert [job.name for job in jobs] == [SPEC.name, SPEC.name]


@pytest.mark.parametrize("status", ["Stopping", "Stopped", "Completed"])
def test_stopping_what_is_over_is_no_error(bedrock: Any, stubber: Stubber, status: str) -> None:
    stubber.add_client_error("stop_model_customization_job", "ConflictException", "over", 400)
    stubber.add_response("get_model_customization_job", described(status=status))
    training_of(bedrock).cancel_job(ARN)
    stubber.assert_no_pending_responses()


def test_a_refused_stop_of_a_running_job_is_an_error(bedrock: Any, stubber: Stubber) -> None:
    stubber.add_client_error("stop_model_customization_job", "ValidationException", "not now", 400)
    stubber.add_response("get_model_customization_job", described())
    with pytest.raises(RequestRejected, match="not now"):
        training_of(bedrock).cancel_job(ARN)


def test_a_missing_job_is_not_found(bedrock: Any, stubber: Stubber) -> None:
    stubber.add_client_error("get_model_customization_job", "ResourceNotFoundException", "no such job", 404)
    with pytest.raises(ResourceNotFound, match="no such job"):
        training_of(bedrock).get_job(ARN)


def test_what_the_plane_has_not_is_declared(bedrock: Any, tmp_path: Path) -> None:
    training = training_of(bedrock)
    assert not training.capabilities.stores_files
    assert list(training.list_checkpoints(ARN)) == []
    calls: list[Callable[[], object]] = [
        lambda: training.upload_file(tmp_path, name="x"),
        lambda: training.find_file(name="x"),
        lambda: training.delete_file("x"),
    ]
    for call in calls:
        with pytest.raises(UnsupportedOperation, match="s3://"):
            call()


FOLDER = "s3://my-bucket/out/model-customization-job-abcdef123456/"
TRAINING_TABLE = FOLDER + "training_artifacts/step_wise_training_metrics.csv"
VALIDATION_TABLE = FOLDER + "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"


def events_of(bedrock: Any, stubber: Stubber, stored: dict[str, bytes]) -> Any:
    stubber.add_response("get_model_customization_job", described(endTime=CREATED + timedelta(seconds=300)))
    return list(training_of(bedrock, stored).list_events(ARN))


def test_metrics_are_read_from_the_artefacts_and_joined_by_step(bedrock: Any, stubber: Stubber) -> None:
    stored = {
        TRAINING_TABLE: b"step_number,epoch_number,training_loss,critic/rewards/mean\n0,0,0.5,0.25\n1,0,0.4,0.5\n2,0,,x\n",
        VALIDATION_TABLE: b"step_number,epoch_number,validation_loss,val-score/rewards/mean@1\n1,0,-0.5,0.75\n",
        FOLDER + "other.csv": b"step_number\n9\n",
        "s3://my-bucket/out/model-customization-job-other/training_artifacts/step_wise_training_metrics.csv": b"x",
    }
    events = events_of(bedrock, stubber, stored)
    assert [event.step for event in events] == [3, 2, 1]
    assert events[1].metrics == {
        "training_loss": 0.4,
        "critic_rewards_mean": 0.5,
        "validation_loss": -0.5,
        "val_score_rewards_mean_1": 0.75,
    }
    curve = Curve().extended(events)
    assert curve.series("reward") == (0.25, 0.5)
    assert curve.series("held_out_reward") == (0.75,)
    assert curve.seconds_per_step == pytest.approx(100)


@pytest.mark.parametrize(
    "table",
    [b"", b"step_number\n", b"epoch_number,training_loss\n0,1\n", b"\xff\xfe\x00", b"step_number,a\n,1\nnan,2\n-1,3\n"],
)
def test_a_table_without_steps_is_no_event(bedrock: Any, stubber: Stubber, table: bytes) -> None:
    assert events_of(bedrock, stubber, {TRAINING_TABLE: table}) == []


def test_a_table_with_only_the_generic_columns_is_enough(bedrock: Any, stubber: Stubber) -> None:
    table = b"\xef\xbb\xbfstep_number, epoch_number, training_loss, perplexity\n0, 0, 0.5, 1.5\n"
    (event,) = events_of(bedrock, stubber, {TRAINING_TABLE: table})
    assert (event.step, event.metrics) == (1, {"training_loss": 0.5, "perplexity": 1.5})


@pytest.mark.parametrize(
    ("logs", "filters"),
    [
        (InvocationLogs(s3_uri="s3://logs/a"), None),
        (InvocationLogs(s3_uri="s3://logs/a", where={"app": "tutor"}), {"equals": {"app": "tutor"}}),
        (
            InvocationLogs(s3_uri="s3://logs/a", where={"app": "tutor"}, where_not={"env": "dev"}),
            {"andAll": [{"equals": {"app": "tutor"}}, {"notEquals": {"env": "dev"}}]},
        ),
        (
            InvocationLogs(s3_uri="s3://logs/a", where_not={"a": "1", "b": "2"}, match="any"),
            {"orAll": [{"notEquals": {"a": "1"}}, {"notEquals": {"b": "2"}}]},
        ),
    ],
)
def test_training_from_invocation_logs(bedrock: Any, stubber: Stubber, logs: InvocationLogs, filters: Any) -> None:
    config = {"invocationLogSource": {"s3Uri": "s3://logs/a"}, "usePromptResponse": False}
    config |= {"requestMetadataFilters": filters} if filters else {}
    data = {"invocationLogsConfig": config}
    spec = replace(SPEC, training_data=logs.s3_uri, invocation_logs=logs)
    training = training_of(bedrock)
    request = training.request_for(spec, token="t" * 32)
    assert request["trainingDataConfig"] == data
    stubber.add_response("create_model_customization_job", {"jobArn": ARN}, dict(request))
    stubber.add_response("get_model_customization_job", described(trainingDataConfig=data))
    assert training.create_job(spec, token="t" * 32).training_data == "s3://logs/a"
    assert spec.content_fingerprint() != SPEC.content_fingerprint()


def test_too_many_filters_are_refused_before_anything_is_sent(bedrock: Any) -> None:
    logs = InvocationLogs(s3_uri="s3://logs/a", where={f"k{n}": "v" for n in range(17)})
    with pytest.raises(InvalidJobSpec, match="andAll has 17 entries, the most is 16"):
        training_of(bedrock).request_for(replace(SPEC, invocation_logs=logs), token="t" * 32)
