"""Every example DAG parses, says what it is for, and has the tasks that the guides speak of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STAGES = ["split", "upload", "deploy_grader", "train", "evaluate_base", "evaluate_tuned", "promotion_gate", "promote"]
PIPELINE = {f"retraining.{stage}" for stage in STAGES}
TASKS = {
    "recurring_retraining": {
        "split_dataset",
        "upload_dataset",
        "deploy_grader",
        "train",
        "first_checkpoint",
        "evaluate_base",
        "evaluate_tuned",
        "promotion_gate",
        "promote",
    },
    "native_nova_retraining": {
        "split_dataset",
        "upload_dataset",
        "deploy_grader",
        "train",
        "deploy_model",
        "evaluate_champion",
        "evaluate_tuned",
        "promotion_gate",
        "promote",
        "delete_deployment",
    },
    "new_dataset": {"check_dataset", "announce"},
    "asset_triggered_retraining": PIPELINE,
    "evaluate_model": {"evaluate"},
    "human_approval": {*PIPELINE, "retraining.approve"},
    "readiness_first": {*PIPELINE, "retraining.readiness"},
    "best_checkpoint": {*PIPELINE, "retraining.choose_checkpoint"},
    "retraining_with_approval": {
        "split_dataset",
        "deploy_grader",
        "assess_readiness",
        "upload_dataset",
        "train",
        "choose_checkpoint",
        "evaluate_champion",
        "evaluate_candidate",
        "promotion_gate",
        "approve",
        "promote",
        "publish_report",
    },
    "retraining_with_approval_rollback": {"rollback"},
    "rollback": {"rollback"},
    "champion_changed": {"tell"},
    "dataset_refused": {*PIPELINE, "check_dataset", "tell_the_owner"},
    "several_models": {*STAGES, "score", "choose"},
    "hyperparameter_sweep": {*STAGES, "choose_checkpoint", "score", "choose_setting"},
    "scheduled_or_new_data": PIPELINE,
    "feedback_driven_retraining": {*PIPELINE, "import_logs", "add_answers", "is_enough"},
    "several_regions": {
        "split",
        *(f"{group}.{stage}" for group in ("on_mantle", "native") for stage in STAGES if stage != "split"),
        "native.deploy_model",
    },
    "retrain_banking_criteria": PIPELINE,
    "retrain_legal_citation": PIPELINE,
    "retrain_maintenance_codes": PIPELINE,
    "retrain_mathematics": PIPELINE,
    "retrain_moderation": PIPELINE,
    "retrain_unit_tests": PIPELINE,
}


def test_every_file_parses_and_no_two_dags_share_an_id(parsed: dict[str, Any], example_files: list[Path]) -> None:
    assert parsed["errors"] == {}  # Airflow reports a second DAG of one id as an import error
    assert {Path(dag["file"]).name for dag in parsed["dags"].values()} == {path.name for path in example_files}


def test_every_dag_is_tested_here(parsed: dict[str, Any]) -> None:
    assert set(TASKS) <= set(parsed["dags"])


@pytest.mark.parametrize("dag_id", TASKS)
def test_its_tasks_are_those_that_the_guides_speak_of(parsed: dict[str, Any], dag_id: str) -> None:
    assert set(parsed["dags"][dag_id]["tasks"]) == TASKS[dag_id]


def test_every_dag_opens_with_the_question_it_answers(parsed: dict[str, Any]) -> None:
    for dag_id, dag in parsed["dags"].items():
        assert dag["doc"].strip().splitlines()[0].endswith("?"), dag_id


def test_every_template_field_is_an_attribute(parsed: dict[str, Any]) -> None:
    missing = {
        f"{dag_id}.{task_id}": task["missing_template_fields"]
        for dag_id, dag in parsed["dags"].items()
        for task_id, task in dag["tasks"].items()
        if task["missing_template_fields"]
    }
    assert missing == {}


def test_nothing_is_promoted_without_approval(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["human_approval"]["tasks"]
    assert tasks["retraining.approve"]["downstream"] == ["retraining.promote"]
    assert "retraining.approve" in tasks["retraining.promotion_gate"]["downstream"]


def test_nothing_is_trained_before_step_0(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["readiness_first"]["tasks"]
    assert tasks["retraining.readiness"]["downstream"] == ["retraining.train"]


def test_the_approval_shows_the_comparison(parsed: dict[str, Any]) -> None:
    assert parsed["rendered"]["approval"] == "markdown of retraining.promotion_gate"


def test_new_data_is_trained_on_where_the_event_says(parsed: dict[str, Any]) -> None:
    assert parsed["rendered"]["by_event"] == "s3://b/from-event.jsonl"
    assert parsed["rendered"]["by_hand"] == "s3://b/from-params.jsonl"


def test_several_models_are_trained_by_mapping(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["several_models"]["tasks"]
    assert {task_id for task_id, task in tasks.items() if task["mapped"]} == {"train", "score"}


def test_a_refused_dataset_reaches_nobody_but_its_owner(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["dataset_refused"]["tasks"]
    assert tasks["check_dataset"]["downstream"] == ["retraining.split", "tell_the_owner"]
