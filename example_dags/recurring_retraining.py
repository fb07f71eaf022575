"""How do I retrain a model every week, and promote it only when it is better?

The whole of a recurring retraining on the Mantle plane: the dataset is split so that training and test share no prompt,
uploaded once, trained on with the deployed grader, and the tuned model is promoted if a paired comparison on the test
split says so. Locally the connection ``aws_default`` points at the emulator; on AWS only the connection and the
parameter ``bucket`` differ.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_provider_bedrock_rft.assets import dataset_asset, model_asset
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
from airflow_provider_bedrock_rft.sensors.checkpoint import BedrockRftCheckpointAvailableSensor

GRADER = Path(__file__).parent / "graders" / "word_problems.py"
ARTIFACTS = "s3://{{ params.bucket }}/{{ dag.dag_id }}"

PARAMS = {
    "bucket": Param("bedrock-rft-demo", type="string", title="S3 bucket", description="Everything kept is kept here."),
    "dataset": Param(
        "s3://bedrock-rft-demo/datasets/word_problems.jsonl", type="string", description="JSONL in S3 or on the worker."
    ),
    "grader": Param(f"{GRADER}:grade", type="string", description="path.py:function"),
    "model": Param("openai.gpt-oss-20b", enum=["openai.gpt-oss-20b", "qwen.qwen3-32b"], section="Training"),
    "n_epochs": Param(2, type="integer", minimum=1, maximum=50, section="Training"),
    "batch_size": Param(4, type="integer", minimum=1, maximum=512, section="Training"),
    "metric": Param(
        "auto", type="string", section="Promotion", description="auto: `correct` where reported, or the score"
    ),
    "minimum_gain": Param(0.02, type="number", minimum=0, section="Promotion", description="Smaller gains are held."),
}

with DAG(
    dag_id="recurring_retraining",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    render_template_as_native_obj=True,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    doc_md=__doc__,
    tags=["bedrock-rft"],
) as dag:
    split = BedrockRftSplitDatasetOperator(
        task_id="split_dataset",
        dataset="{{ params.dataset }}",
        artifacts_uri=ARTIFACTS,
        fractions={"train": 0.67, "test": 0.33},
    )
    upload = BedrockRftUploadDatasetOperator(
        task_id="upload_dataset",
        dataset=split.output["train"],
        evaluation=[split.output["test"]],
        outlets=[dataset_asset("recurring_retraining")],
    )
    deploy = BedrockRftDeployGraderOperator(
        task_id="deploy_grader",
        source="{{ params.grader }}",
        function_name="bedrock-rft-recurring-retraining",
        preflight=split.output["test"],
    )
    train = BedrockRftCreateJobOperator(
        task_id="train",
        model="{{ params.model }}",
        dataset=upload.output,
        grader=deploy.output,
        hyperparameters={"n_epochs": "{{ params.n_epochs }}", "batch_size": "{{ params.batch_size }}"},
        artifacts_uri=ARTIFACTS,
        deferrable=True,
        poll_interval_seconds=2,
    )
    first_checkpoint = BedrockRftCheckpointAvailableSensor(
        task_id="first_checkpoint", job_from="train", poke_interval=2, timeout=3600
    )
    [upload, deploy] >> first_checkpoint
    evaluate_base = BedrockRftEvaluateModelOperator(
        task_id="evaluate_base",
        model="{{ params.model }}",
        champion_of="recurring_retraining",
        grader=deploy.output,
        dataset=split.output["test"],
        artifacts_uri=ARTIFACTS,
    )
    evaluate_tuned = BedrockRftEvaluateModelOperator(
        task_id="evaluate_tuned",
        model=train.output,
        grader=deploy.output,
        dataset=split.output["test"],
        artifacts_uri=ARTIFACTS,
    )
    gate = BedrockRftPromotionGateOperator(
        task_id="promotion_gate",
        baseline=evaluate_base.output,
        candidate=evaluate_tuned.output,
        policy={"minimum_gain": "{{ params.minimum_gain }}"},
        metric="{{ params.metric }}",
    )
    promote = BedrockRftPromoteModelOperator(
        task_id="promote",
        gate=gate.output,
        outlets=[model_asset("recurring_retraining")],
    )
    gate >> promote
