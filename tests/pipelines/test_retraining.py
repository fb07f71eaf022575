from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, RetrainingParts, retraining_pipeline

THREE_PARTS = {"train": 0.6, "validation": 0.2, "test": 0.2}
FIELDS: dict[str, Any] = {
    "pipeline": "tutor",
    "dataset": "{{ params.dataset }}",
    "grader": "graders/word_problems.py:grade",
    "model": "openai.gpt-oss-20b",
    "artifacts_uri": "s3://bucket/tutor",
}


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}


def made(parts: type[RetrainingParts] = RetrainingParts, **fields: Any) -> DAG:
    with DAG("d", schedule=None) as dag:
        retraining_pipeline(Retraining(**{**FIELDS, **fields}), parts=parts, group_id="r")
    return dag


def test_the_stages_depend_on_each_other() -> None:
    assert edges(made()) == {
        ("r.split", "r.upload"),
        ("r.split", "r.deploy_grader"),
        ("r.split", "r.evaluate_base"),
        ("r.split", "r.evaluate_tuned"),
        ("r.upload", "r.train"),
        ("r.deploy_grader", "r.train"),
        ("r.deploy_grader", "r.evaluate_base"),
        ("r.deploy_grader", "r.evaluate_tuned"),
        ("r.train", "r.evaluate_tuned"),
        ("r.evaluate_base", "r.promotion_gate"),
        ("r.evaluate_tuned", "r.promotion_gate"),
        ("r.promotion_gate", "r.promote"),
    }


def test_the_plan_reaches_the_tasks() -> None:
    dag = made(hyperparameters={"n_epochs": 3}, policy={"minimum_gain": 0.1}, evaluation={"max_tokens": 9})
    train: Any = dag.get_task("r.train")
    assert (train.model, train.hyperparameters, train.deferrable) == ("openai.gpt-oss-20b", {"n_epochs": 3}, True)
    gate: Any = dag.get_task("r.promotion_gate")
    assert (gate.pipeline, gate.policy) == ("tutor", {"minimum_gain": 0.1})
    base: Any = dag.get_task("r.evaluate_base")
    tuned: Any = dag.get_task("r.evaluate_tuned")
    assert (base.champion_of, tuned.champion_of) == ("tutor", None)
    assert base.settings == tuned.settings == {"max_tokens": 9}
    promote: Any = dag.get_task("r.promote")
    assert [outlet.uri for outlet in promote.outlets] == ["bedrock-rft://tutor/model"]
    deploy: Any = dag.get_task("r.deploy_grader")
    assert deploy.function_name == "bedrock-rft-tutor"
    options = {"memory_mb": 1024, "preflight_options": {"answer_key": "solution"}, "preflight": None}
    deploy = made(grader_options=options).get_task("r.deploy_grader")
    assert (deploy.memory_mb, deploy.preflight, deploy.function_name) == (1024, None, "bedrock-rft-tutor")
    assert deploy.preflight_options == {"answer_key": "solution"}


def test_with_a_validation_part_the_checkpoint_is_chosen_on_it() -> None:
    dag = made(fractions=THREE_PARTS)
    choose: Any = dag.get_task("r.choose_checkpoint")
    assert choose.dataset.key == "validation"
    assert ("r.choose_checkpoint", "r.evaluate_tuned") in edges(dag)
    assert ("r.train", "r.evaluate_tuned") not in edges(dag)
    tuned: Any = dag.get_task("r.evaluate_tuned")
    assert tuned.dataset.key == "test"
    upload: Any = dag.get_task("r.upload")
    assert [part.key for part in upload.evaluation] == ["validation", "test"]


class Hello(BaseOperator):
    """Stands between gate and promotion."""


class Careful(RetrainingParts):
    def approve(self, gate: BaseOperator) -> BaseOperator:  # noqa: ARG002
        return Hello(task_id=f"ask_about_{self.plan.pipeline}")


class KeptGrader(RetrainingParts):
    def deploy_grader(self, parts: object) -> str:  # noqa: ARG002
        return "arn:aws:lambda:us-west-2:111122223333:function:maths:7"


def test_an_approval_stands_before_the_promotion() -> None:
    dag = made(Careful)
    assert {("r.promotion_gate", "r.ask_about_tutor"), ("r.ask_about_tutor", "r.promote")} <= edges(dag)
    promote: Any = dag.get_task("r.promote")
    assert promote.approval.operator.task_id == "r.ask_about_tutor"


def test_a_part_may_be_no_task_at_all() -> None:
    dag = made(KeptGrader)
    assert not [task for task in dag.tasks if isinstance(task, BedrockRftDeployGraderOperator)]
    train: Any = dag.get_task("r.train")
    assert train.grader.endswith(":7")


def test_two_pipelines_in_one_dag() -> None:
    with DAG("d", schedule=None) as dag:
        first, second = (
            retraining_pipeline(Retraining(**{**FIELDS, "pipeline": name}), group_id=name) for name in ("one", "two")
        )
        first >> second
    assert len(dag.tasks) == 16
    assert ("one.promote", "two.split") in edges(dag)


@pytest.mark.parametrize("fractions", [{"train": 1.0}, {"test": 1.0}, {}])
def test_a_split_without_the_parts_that_are_needed(fractions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="fractions has no"):
        Retraining(**{**FIELDS, "fractions": fractions})


def test_a_pipeline_that_cannot_name_an_asset() -> None:
    with pytest.raises(ValueError, match="bedrock-rft://<pipeline>/<kind>"):
        made(pipeline="{{ dag.dag_id }}")
