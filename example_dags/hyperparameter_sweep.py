"""Which hyper-parameters should I train with?

One job per setting, all on the same data with the same grader. For each job the best checkpoint is chosen on the
validation part, and of these the best one; that choice costs no test data. The one that is left is compared with the
champion once, on the test part, which had no say in anything before. Every further setting makes the choice on the
validation part more of a lottery: few, far apart, tell more than many.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.assets import model_asset
from airflow_provider_bedrock_rft.operators.checkpoint import BedrockRftSelectCheckpointOperator
from airflow_provider_bedrock_rft.operators.dataset import (
    BedrockRftSplitDatasetOperator,
    BedrockRftUploadDatasetOperator,
)
from airflow_provider_bedrock_rft.operators.evaluation import BedrockRftEvaluateModelOperator
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.operators.promotion import (
    BedrockRftPromoteModelOperator,
    BedrockRftPromotionGateOperator,
)

PIPELINE = "hyperparameter_sweep"
MODEL = "openai.gpt-oss-20b"
SETTINGS = [
    {"batch_size": 4, "learning_rate_multiplier": 0.5},
    {"batch_size": 4, "learning_rate_multiplier": 2.0},
    {"batch_size": 16, "learning_rate_multiplier": 2.0},
]
GRADER = Path(__file__).parent / "graders" / "word_problems.py"
ARTIFACTS = f"s3://bedrock-rft-demo/{PIPELINE}"

with DAG(
    dag_id=PIPELINE,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    max_active_runs=1,
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    split = BedrockRftSplitDatasetOperator(
        task_id="split",
        dataset="s3://bedrock-rft-demo/datasets/word_problems.jsonl",
        artifacts_uri=ARTIFACTS,
        fractions={"train": 0.5, "validation": 0.2, "test": 0.3},
    )
    held_out = [split.output["validation"], split.output["test"]]
    upload = BedrockRftUploadDatasetOperator(task_id="upload", dataset=split.output["train"], evaluation=held_out)
    deploy = BedrockRftDeployGraderOperator(
        task_id="deploy_grader",
        source=f"{GRADER}:grade",
        function_name="bedrock-rft-hyperparameter-sweep",
        preflight=split.output["test"],
    )
    train = BedrockRftCreateJobOperator.partial(
        task_id="train",
        model=MODEL,
        dataset=upload.output,
        grader=deploy.output,
        artifacts_uri=ARTIFACTS,
        deferrable=True,
        map_index_template="batch {{ task.hyperparameters.batch_size }}, "
        "rate x {{ task.hyperparameters.learning_rate_multiplier }}",
    ).expand(hyperparameters=SETTINGS)
    choose_checkpoint = BedrockRftSelectCheckpointOperator.partial(
        task_id="choose_checkpoint",
        rule="one_standard_error",
        grader=deploy.output,
        dataset=split.output["validation"],
        artifacts_uri=ARTIFACTS,
    ).expand(job=train.output)

    score = BedrockRftEvaluateModelOperator.partial(
        task_id="score", grader=deploy.output, dataset=split.output["validation"], artifacts_uri=ARTIFACTS
    ).expand(model=choose_checkpoint.output)

    @task
    def choose_setting(choices: list[dict[str, Any]], scores: list[dict[str, Any]]) -> dict[str, Any]:
        """The checkpoint with the highest mean score; it carries on which prompts it was chosen, and the gate looks."""
        best, _ = max(zip(choices, scores, strict=True), key=lambda pair: pair[1]["mean"]["value"])
        return dict(best)

    compared = {"grader": deploy.output, "dataset": split.output["test"], "artifacts_uri": ARTIFACTS}
    gate = BedrockRftPromotionGateOperator(
        task_id="promotion_gate",
        baseline=BedrockRftEvaluateModelOperator(
            task_id="evaluate_base", model=MODEL, champion_of=PIPELINE, **compared
        ).output,
        candidate=BedrockRftEvaluateModelOperator(
            task_id="evaluate_tuned", model=choose_setting(choose_checkpoint.output, score.output), **compared
        ).output,
    )
    gate >> BedrockRftPromoteModelOperator(task_id="promote", gate=gate.output, outlets=[model_asset(PIPELINE)])
