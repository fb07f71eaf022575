"""``@task.rft_grader``, found by Airflow through the provider, deploys a function of this very file."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.steps.grader_versions import invoke_grader
from airflow_provider_bedrock_rft.grading import marked_number
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator

pytestmark = pytest.mark.xdist_group("pipeline")
CREDIT = 0.25
NAME = f"grader-task-{uuid.uuid4().hex[:8]}"


@task.rft_grader(function_name=NAME, timeout_seconds=30)
def grade_in_dag(completion: str, reference: object) -> float:
    """The number behind the mark."""
    return marked_number(completion, reference, format_credit=CREDIT).value


@task.rft_grader
def bare_grader(completion: str) -> float:
    return float(len(completion))


def test_the_decorator_makes_a_task_that_others_depend_on() -> None:
    with DAG("graded", schedule=None) as dag:
        output = grade_in_dag()
        again = grade_in_dag.override(task_id="again", function_name="other", timeout_seconds=60)()
        follower = BedrockRftDeployGraderOperator(task_id="follower", source="x.py", function_name="{{ 1 }}")
        follower.preflight = output
        bare_grader()
    deploy: Any = dag.get_task("grade_in_dag")
    assert isinstance(deploy, BedrockRftDeployGraderOperator)
    assert (deploy.function_name, deploy.timeout_seconds) == (NAME, 30)
    assert deploy.source == f"{__file__}:grade_in_dag"
    other: Any = dag.get_task("again")
    assert (other.function_name, other.timeout_seconds, other.source) == ("other", 60, deploy.source)
    assert again.operator is other
    bare: Any = dag.get_task("bare_grader")
    assert bare.function_name == "bedrock-rft-bare-grader"
    assert bare_grader.function("abc") == 3.0, "the function itself can still be tried"


def test_the_function_is_in_service_without_the_file_around_it(aws_conn_id: str, new_run: Any) -> None:
    with DAG("graded", schedule=None) as dag:
        grade_in_dag.override(aws_conn_id=aws_conn_id)()
    deploy: Any = dag.get_task("grade_in_dag")
    deployed = deploy.execute(new_run("grade_in_dag").context(deploy))
    functions = BedrockRftHook(aws_conn_id).session.functions
    samples = [
        GraderSample(sample_id=name, completion=text, reference="#### 7")
        for name, text in {"right": "#### 7", "form": "#### 8", "none": "7"}.items()
    ]
    scores = invoke_grader(functions, deployed["arn"], samples)
    assert {name: score.value for name, score in scores.items()} == {"right": 1.0, "form": CREDIT, "none": 0.0}
