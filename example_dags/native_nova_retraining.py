"""How do I retrain Amazon Nova, deploy what comes out, and promote the deployment only when it is better?

The whole of a recurring retraining on Bedrock's native plane, in us-east-1. The dataset goes to S3, the job acts
through a role that is made for it and may do nothing else, and the custom model answers through a deployment of its
own. That deployment is compared with the present champion and promoted, or deleted again. Locally the connection
``aws_default`` points at the emulator; on AWS only the connection and the parameter ``bucket`` differ. With the
parameter ``dry_run`` the training task logs its requests and a forecast, and nothing is spent.
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
from airflow_provider_bedrock_rft.operators.deployment import (
    BedrockRftDeleteDeploymentOperator,
    BedrockRftDeployModelOperator,
)
from airflow_provider_bedrock_rft.operators.evaluation import BedrockRftEvaluateModelOperator
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.operators.promotion import (
    BedrockRftPromoteModelOperator,
    BedrockRftPromotionGateOperator,
)

GRADER = Path(__file__).parent / "graders" / "word_problems.py"
PIPELINE = "native_nova_retraining"
ARTIFACTS = "s3://{{ params.bucket }}/{{ dag.dag_id }}"

PARAMS = {
    "bucket": Param("bedrock-rft-demo", type="string", title="S3 bucket", description="In the region of the job."),
    "dataset": Param(
        "s3://bedrock-rft-demo/datasets/word_problems.jsonl", type="string", description="JSONL in S3 or on the worker."
    ),
    "grader": Param(f"{GRADER}:grade", type="string", description="path.py:function"),
    "model": Param("amazon.nova-2-lite-v1:0:256k", type="string", section="Training", description="What is trained."),
    "base_model": Param(
        "us.amazon.nova-2-lite-v1:0", type="string", section="Promotion", description="What the first one must beat."
    ),
    "n_epochs": Param(2, type="integer", minimum=1, maximum=50, section="Training"),
    "batch_size": Param(16, type="integer", minimum=16, maximum=512, section="Training"),
    "minimum_gain": Param(0.02, type="number", minimum=0, section="Promotion", description="Smaller gains are held."),
    "dry_run": Param(
        default=False, type="boolean", section="Training", description="Log what would be sent; spend nothing."
    ),
}

with DAG(
    dag_id=PIPELINE,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    render_template_as_native_obj=True,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10), "region_name": "us-east-1"},
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
        plane="native",
        artifacts_uri=ARTIFACTS,
        outlets=[dataset_asset(PIPELINE)],
    )
    deploy_grader = BedrockRftDeployGraderOperator(
        task_id="deploy_grader",
        source="{{ params.grader }}",
        function_name="bedrock-rft-native-nova-retraining",
        preflight=split.output["test"],
    )
    train = BedrockRftCreateJobOperator(
        task_id="train",
        model="{{ params.model }}",
        dataset=upload.output,
        grader=deploy_grader.output,
        hyperparameters={
            "n_epochs": "{{ params.n_epochs }}",
            "batch_size": "{{ params.batch_size }}",
            "samples_per_prompt": 8,
            "learning_rate": 5e-5,
        },
        artifacts_uri=ARTIFACTS,
        dry_run="{{ params.dry_run }}",
        deferrable=True,
        poll_interval_seconds=2,
    )
    deploy_model = BedrockRftDeployModelOperator(task_id="deploy_model", model=train.output, poll_interval_seconds=2)
    evaluate_champion = BedrockRftEvaluateModelOperator(
        task_id="evaluate_champion",
        model="{{ params.base_model }}",
        champion_of=PIPELINE,
        grader=deploy_grader.output,
        dataset=split.output["test"],
        artifacts_uri=ARTIFACTS,
    )
    evaluate_tuned = BedrockRftEvaluateModelOperator(
        task_id="evaluate_tuned",
        model=deploy_model.output,
        grader=deploy_grader.output,
        dataset=split.output["test"],
        artifacts_uri=ARTIFACTS,
    )
    gate = BedrockRftPromotionGateOperator(
        task_id="promotion_gate",
        baseline=evaluate_champion.output,
        candidate=evaluate_tuned.output,
        policy={"minimum_gain": "{{ params.minimum_gain }}"},
        branches={"promote": "promote", "hold": "delete_deployment", "reject": "delete_deployment"},
    )
    promote = BedrockRftPromoteModelOperator(task_id="promote", gate=gate.output, outlets=[model_asset(PIPELINE)])
    delete_deployment = BedrockRftDeleteDeploymentOperator(
        task_id="delete_deployment", deployment=deploy_model.output, unless_champion_of=PIPELINE
    )
    gate >> [promote, delete_deployment]
