from __future__ import annotations

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier
from airflow_provider_bedrock_rft.core.job.plane import Plane, plane_of_model
from airflow_provider_bedrock_rft.core.job.role import training_role_name, training_role_policy
from airflow_provider_bedrock_rft.core.job.spec import InvocationLogs, JobSpec

BEDROCK = "arn:aws:bedrock:us-east-1:123456789012"
GRADER = "arn:aws:lambda:us-east-1:123456789012:function:grader:7"


@pytest.mark.parametrize(
    ("model", "plane"),
    [
        ("openai.gpt-oss-20b", Plane.MANTLE),
        ("qwen.qwen3-32b", Plane.MANTLE),
        ("ft:openai.gpt-oss-20b:abc", Plane.MANTLE),
        ("arn:aws:bedrock-mantle:us-west-2:123456789012:customized-model/x", Plane.MANTLE),
        ("amazonia.model", Plane.MANTLE),
        ("", Plane.MANTLE),
        ("amazon.nova-2-lite-v1:0:256k", Plane.NATIVE),
        ("us.amazon.nova-2-lite-v1:0", Plane.NATIVE),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-lite-v1:0:256k", Plane.NATIVE),
        (f"{BEDROCK}:custom-model/amazon.nova-2-lite-v1:0:256k/abcdef123456", Plane.NATIVE),
        (f"{BEDROCK}:custom-model-deployment/abcdef123456", Plane.NATIVE),
        (f"{BEDROCK}:provisioned-model/abcdef123456", Plane.NATIVE),
        (f"{BEDROCK}:inference-profile/us.amazon.nova-2-lite-v1:0", Plane.NATIVE),
        (f"{BEDROCK.replace(':aws:', ':aws-us-gov:')}:custom-model-deployment/abcdef123456", Plane.NATIVE),
    ],
)
def test_every_model_has_one_plane(model: str, plane: Plane) -> None:
    assert plane_of_model(model) is plane


def spec(**changes: object) -> JobSpec:
    fields = {
        "model": "amazon.nova-2-lite-v1:0:256k",
        "training_data": "s3://data/pipeline/datasets/rft-1.jsonl",
        "grader_arn": GRADER,
        "output_s3_uri": "s3://out/pipeline/jobs/",
        **changes,
    }
    return JobSpec(**fields)  # type: ignore[arg-type]


def statements(given: JobSpec) -> list[tuple[str, str, object]]:
    found = training_role_policy(given)["Statement"]
    assert isinstance(found, list)
    return [
        (action, resource, statement.get("Condition"))
        for statement in found
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


def below(folder: str) -> object:
    return {"StringLike": {"s3:prefix": [folder, f"{folder}/*"]}}


def test_a_jobs_role_may_do_just_what_the_job_needs() -> None:
    assert statements(spec()) == [
        ("s3:GetObject", "arn:aws:s3:::data/pipeline/datasets/*", None),
        ("s3:GetObject", "arn:aws:s3:::out/pipeline/jobs/*", None),
        ("s3:PutObject", "arn:aws:s3:::out/pipeline/jobs/*", None),
        ("s3:ListBucket", "arn:aws:s3:::data", below("pipeline/datasets")),
        ("s3:ListBucket", "arn:aws:s3:::out", below("pipeline/jobs")),
        ("lambda:InvokeFunction", GRADER, None),
    ]


def test_logs_are_read_whole_and_validation_data_too() -> None:
    given = spec(
        invocation_logs=InvocationLogs(s3_uri="s3://logs/AWSLogs/"),
        training_data="s3://logs/AWSLogs/",
        validation_data="s3://data/validation/v.jsonl",
    )
    readable = [resource for action, resource, _ in statements(given) if action == "s3:GetObject"]
    assert readable[:2] == ["arn:aws:s3:::logs/AWSLogs/*", "arn:aws:s3:::data/validation/*"]


def test_a_bucket_without_folders_is_named_as_it_is() -> None:
    given = statements(spec(training_data="s3://data/data.jsonl"))
    assert ("s3:GetObject", "arn:aws:s3:::data/*", None) in given
    assert ("s3:ListBucket", "arn:aws:s3:::data", None) in given


def test_the_role_of_a_running_job_never_changes() -> None:
    one = training_role_name(training_role_policy(spec()))
    assert one == training_role_name(
        training_role_policy(spec(training_data="s3://data/pipeline/datasets/rft-2.jsonl"))
    )
    assert one != training_role_name(training_role_policy(spec(grader_arn=GRADER.replace(":7", ":8"))))
    assert len(one) <= 64


@pytest.mark.parametrize("changes", [{"training_data": "file-1"}, {"grader_arn": "grader"}, {"output_s3_uri": ""}])
def test_bad_places_are_refused_by_name(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidIdentifier):
        training_role_policy(spec(**changes))
