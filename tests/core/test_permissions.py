from __future__ import annotations

import ast
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

import airflow_provider_bedrock_rft as package
from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, InvalidInput
from airflow_provider_bedrock_rft.core.job.role import training_role_name
from airflow_provider_bedrock_rft.core.permissions import (
    MAX_POLICY_CHARACTERS,
    PipelineNeeds,
    job_role_statements,
    job_role_trust,
    pipeline_statements,
    policy_document,
)

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/given"
CLIENTS = Path(package.__file__).parent / "clients"


def needs(**fields: Any) -> PipelineNeeds:
    return PipelineNeeds(**{"account": ACCOUNT, "region": "us-west-2", **fields})


FULL = needs(pipelines=["tutor"], functions=["maths"], artifacts=["s3://kept/tutor"], inputs=["s3://data/train.jsonl"])


def by_sid(found: PipelineNeeds) -> dict[str, Any]:
    return {statement.sid: statement for statement in pipeline_statements(found)}


def test_every_step_has_its_statement() -> None:
    assert list(by_sid(FULL)) == [
        "MantleTrain",
        "MantleAsk",
        "MantleKey",
        "Grader",
        "GraderRole",
        "GraderLog",
        "GraderPass",
        "List",
        "Keep",
        "Read",
        "Champion",
    ]


def test_resources_are_those_of_the_pipeline() -> None:
    found = by_sid(FULL)
    assert found["Champion"].resources == [f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/bedrock-rft/tutor/*"]
    assert found["Keep"].resources == ["arn:aws:s3:::kept/tutor/*"]
    assert found["Read"].resources == ["arn:aws:s3:::data/train.jsonl"]
    assert found["List"].resources == ["arn:aws:s3:::data", "arn:aws:s3:::kept"]
    assert found["Grader"].resources[1] == f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:maths:*"
    assert found["GraderRole"].resources == [f"arn:aws:iam::{ACCOUNT}:role/maths-role"]


def test_only_the_bearer_token_is_allowed_on_everything() -> None:
    assert [sid for sid, found in by_sid(FULL).items() if "*" in found.resources] == ["MantleKey"]


def test_with_a_given_role_no_role_is_made() -> None:
    found = by_sid(needs(functions=["maths"], grader_roles=[ROLE]))
    assert "GraderRole" not in found
    assert found["GraderPass"].resources == [ROLE]
    assert found["GraderPass"].conditions == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def test_the_native_plane_passes_its_role_to_bedrock_only() -> None:
    found = by_sid(needs(planes=["native"], job_roles=[ROLE], functions=["maths"], artifacts=["s3://kept"]))
    assert "MantleTrain" not in found
    assert found["NativePass"].conditions["StringEquals"]["iam:PassedToService"] == "bedrock.amazonaws.com"
    assert found["NativePass"].resources == [ROLE]
    assert "NativeRole" not in found
    assert found["Keep"].resources == ["arn:aws:s3:::kept/*"]


def test_without_a_job_role_those_that_are_made_are_kept_and_passed() -> None:
    found = by_sid(needs(planes=["native"]))
    made = training_role_name({"Version": "2012-10-17"})
    for sid in ("NativeRole", "NativePass"):
        assert [fnmatch(f"arn:aws:iam::{ACCOUNT}:role/{made}", pattern) for pattern in found[sid].resources] == [True]


def test_the_job_role_grades_and_reads_and_is_assumed_for_jobs_of_the_account() -> None:
    assert [statement.sid for statement in job_role_statements(FULL)] == ["Grade", "List", "Keep", "Read"]
    condition = job_role_trust(FULL)["Statement"][0]["Condition"]  # type: ignore[index]
    assert condition["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_only_a_pipeline_with_a_role_for_it_asks_in_batch() -> None:
    assert not {"NativeBatch", "NativeBatchPass"} & by_sid(needs(planes=["native"])).keys()
    found = by_sid(needs(planes=["native"], batch_roles=[ROLE]))
    assert found["NativeBatch"].actions == ["bedrock:CreateModelInvocationJob", "bedrock:GetModelInvocationJob"]
    assert found["NativeBatchPass"].resources == [ROLE]


def test_only_a_pipeline_that_cleans_up_may_delete() -> None:
    def deleting(cleans_up: bool) -> set[str]:  # noqa: FBT001
        found = by_sid(
            needs(functions=["maths"], pipelines=["tutor"], planes=["mantle", "native"], cleans_up=cleans_up)
        )
        return {sid for sid, one in found.items() for action in one.actions if ":Delete" in action}

    assert deleting(cleans_up=False) == {"GraderRole", "NativeRole", "NativeServe"}
    assert deleting(cleans_up=True) - deleting(cleans_up=False) == {"CleanMantle", "CleanNative", "CleanGrader"}
    assert by_sid(needs(functions=["maths"], cleans_up=True))["CleanGrader"].resources == [
        f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:maths:*"  # versions, never the function
    ]


def test_keys_and_partitions() -> None:
    key = f"arn:aws-us-gov:kms:us-gov-west-1:{ACCOUNT}:key/1"
    found = by_sid(PipelineNeeds(account=ACCOUNT, region="us-gov-west-1", partition="aws-us-gov", kms_keys=[key]))
    assert found["Keys"].actions == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert all(arn.startswith("arn:aws-us-gov:") for arn in found["MantleTrain"].resources)


def test_the_document_is_a_policy_and_small_enough() -> None:
    document = json.dumps(policy_document(pipeline_statements(FULL)), separators=(",", ":"))
    assert json.loads(document)["Version"] == "2012-10-17"
    assert len(document) < MAX_POLICY_CHARACTERS
    assert all(re.fullmatch("[A-Za-z0-9]+", statement["Sid"]) for statement in json.loads(document)["Statement"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"account": "1234"}, "is no AWS account"),
        ({"account": "arn:aws:iam::"}, "is no AWS account"),
        ({"planes": ["sagemaker"]}, "no plane 'sagemaker'"),
    ],
)
def test_bad_needs(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        needs(**fields)


def test_a_role_has_to_be_an_arn() -> None:
    with pytest.raises(InvalidIdentifier, match="admin"):
        needs(grader_roles=["admin"])


NOT_CALLED_BY_TASKS = {"delete_parameter", "get_parameter_history"}
CLIENTS_OF_BOTO = ("self._client", "self._iam", "self._ssm", "self._bedrock")


def operations_called(module: str) -> set[str]:
    """Names of the operations that a client of ours calls on its boto3 client, those of paginators included."""
    tree = ast.parse((CLIENTS / f"{module}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = {call.func.attr for call in calls if ast.unparse(call.func.value) in CLIENTS_OF_BOTO}  # type: ignore[attr-defined]
    paged = {ast.literal_eval(call.args[0]) for call in calls if call.func.attr == "get_paginator"}  # type: ignore[attr-defined]
    return {name for name in named | paged if "provisioned" not in name}  # capacity is bought by a person


@pytest.mark.parametrize(
    ("module", "service"),
    [
        ("functions", "lambda"),
        ("roles", "iam"),
        ("parameters", "ssm"),
        ("native", "bedrock"),
        ("deployments", "bedrock"),
    ],
)
def test_whatever_our_clients_call_is_allowed(module: str, service: str) -> None:
    known = botocore.session.get_session().get_service_model(service).operation_names
    snake = {botocore.xform_name(name): name for name in known}
    called = {snake[name] for name in operations_called(module) - NOT_CALLED_BY_TASKS if name in snake}
    granted = pipeline_statements(
        needs(pipelines=["p"], functions=["f"], artifacts=["s3://kept"], planes=["mantle", "native"], cleans_up=True)
    )
    allowed = {action.partition(":")[2] for statement in granted for action in statement.actions}
    renamed = {"Invoke": "InvokeFunction"}
    assert called
    assert {renamed.get(name, name) for name in called} - allowed == set()
