from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_bedrock_rft.cli import main

ACCOUNT = ["--account", "111122223333"]
EXAMPLES = Path(__file__).parents[2] / "example_dags"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["permissions", *ACCOUNT, *arguments]) == 0
    return capsys.readouterr().out


def test_a_policy_from_options(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(printed(capsys, "--pipeline", "tutor", "--function", "maths", "--artifacts", "s3://kept/t"))
    actions = {action for statement in document["Statement"] for action in statement["Action"]}
    assert {"bedrock-mantle:CreateFineTuningJob", "lambda:PublishVersion", "ssm:PutParameter"} <= actions


def test_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--pipeline", "tutor", "--format", "text")
    assert "Champion\n  ssm:GetParameter\n" in text


def test_the_native_plane(capsys: pytest.CaptureFixture[str]) -> None:
    role = ["--plane", "native", "--job-role", "arn:aws:iam::111122223333:role/job", "--function", "maths"]
    assert "bedrock:CreateModelCustomizationJob" in printed(capsys, *role)
    assert "lambda:InvokeFunction" in printed(capsys, *role, "--for", "job-role")
    assert "sts:AssumeRole" in printed(capsys, *role, "--for", "job-role-trust")


@pytest.mark.airflow
def test_a_policy_from_a_dag_file(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--dag", str(EXAMPLES / "recurring_retraining.py"), "--format", "text")
    for resource in (
        "parameter/bedrock-rft/recurring_retraining/*",
        "function:bedrock-rft-recurring-retraining",
        "arn:aws:s3:::bedrock-rft-demo/recurring_retraining/*",
        "arn:aws:s3:::bedrock-rft-demo/datasets/word_problems.jsonl",
    ):
        assert f"{resource}\n" in text
    assert "GraderRole" in text


NATIVE = """
from airflow.sdk import DAG
from airflow_provider_bedrock_rft import BedrockRftCreateJobOperator, BedrockRftDeployGraderOperator

with DAG("native_one", schedule=None):
    BedrockRftDeployGraderOperator(
        task_id="grader", source="g.py:grade", function_name="{{ ti.xcom_pull('name') }}",
        role_arn="arn:aws:iam::111122223333:role/exec",
    )
    BedrockRftCreateJobOperator(
        task_id="train", model="amazon.nova-2-lite-v1:0:256k", dataset="s3://data/train.jsonl", grader="g",
        plane="native", role_arn="arn:aws:iam::111122223333:role/job", output_s3_uri="s3://out/nova",
    )
"""


@pytest.mark.airflow
def test_what_only_the_run_knows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "native.py").write_text(NATIVE)
    assert main(["permissions", *ACCOUNT, "--dag", str(tmp_path / "native.py"), "--format", "text"]) == 0
    told = capsys.readouterr()
    assert "native_one.grader: function_name is known only when the task runs" in told.err
    assert "Mantle" not in told.out
    assert "on arn:aws:iam::111122223333:role/job\n" in told.out
    assert "on arn:aws:iam::111122223333:role/exec\n" in told.out


@pytest.mark.airflow
def test_the_plane_is_that_of_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without = NATIVE.replace('plane="native", role_arn="arn:aws:iam::111122223333:role/job", ', "")
    (tmp_path / "native.py").write_text(without)
    assert main(["permissions", *ACCOUNT, "--dag", str(tmp_path / "native.py"), "--format", "text"]) == 0
    out = capsys.readouterr().out
    assert "Mantle" not in out
    assert "NativePass\n  iam:PassRole\n    on arn:aws:iam::111122223333:role/rft-job-*\n" in out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("x = 1", "has no task of this package"), ("from airflow.sdk import DAG\nraise OSError('gone')", "gone")],
)
@pytest.mark.airflow
def test_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    (tmp_path / "dag_bad.py").write_text(text)
    assert main(["permissions", *ACCOUNT, "--dag", str(tmp_path / "dag_bad.py")]) == 1
    assert sentence in capsys.readouterr().err


def test_no_such_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["permissions", *ACCOUNT, "--dag", "/no/such.py"]) == 1
    assert "There is no file /no/such.py" in capsys.readouterr().err
