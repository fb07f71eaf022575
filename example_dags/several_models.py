"""Which of several base models should I train?

Training and scoring are mapped over the models: all are trained at once on the same data with the same grader. The best
on the validation part is compared with the champion on the test part, which had no say in the choice.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.assets import model_asset
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

MODELS = ["openai.gpt-oss-20b", "qwen.qwen3-32b"]
GRADER = Path(__file__).parent / "graders" / "word_problems.py"
ARTIFACTS = "s3://bedrock-rft-demo/several_models"

with DAG(
    dag_id="several_models",
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
        function_name="bedrock-rft-several-models",
        preflight=split.output["test"],
    )
    train = BedrockRftCreateJobOperator.partial(
        task_id="train", dataset=upload.output, grader=deploy.output, artifacts_uri=ARTIFACTS, deferrable=True
    ).expand(model=MODELS)
    score = BedrockRftEvaluateModelOperator.partial(
        task_id="score", grader=deploy.output, dataset=split.output["validation"], artifacts_uri=ARTIFACTS
    ).expand(model=train.output)

    @task
    def choose(evaluations: list[dict[str, Any]]) -> str:
        """The tuned model with the highest mean score on the validation part."""
        best = max(evaluations, key=lambda evaluation: evaluation["mean"]["value"])
        return str(best["model"])

    compared = {"grader": deploy.output, "dataset": split.output["test"], "artifacts_uri": ARTIFACTS}
    gate = BedrockRftPromotionGateOperator(
        task_id="promotion_gate",
        baseline=BedrockRftEvaluateModelOperator(
            task_id="evaluate_base", model=MODELS[0], champion_of="several_models", **compared
        ).output,
        candidate=BedrockRftEvaluateModelOperator(
            task_id="evaluate_tuned", model=choose(score.output), **compared
        ).output,
    )
    gate >> BedrockRftPromoteModelOperator(task_id="promote", gate=gate.output, outlets=[model_asset("several_models")])
