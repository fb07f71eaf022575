"""How does a whole retraining look that asks first whether it can work, and last whether a person agrees?

Step 0 asks the base model whether it can learn these prompts at all; training follows only on ``go``. Of the job's
checkpoints one is chosen on the validation split and held against the champion on the test split, which nothing has
seen before. What the gate would promote is shown to a person, and a report is published whatever came of it.

``retraining_with_approval_rollback`` puts the champion before the present one back into service.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param

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
    BedrockRftRollbackModelOperator,
)
from airflow_provider_bedrock_rft.operators.readiness import BedrockRftAssessReadinessOperator
from airflow_provider_bedrock_rft.operators.report import BedrockRftPublishReportOperator

PIPELINE = "retraining_with_approval"
GRADER = Path(__file__).parent / "graders" / "word_problems.py"
POLICY = {
    "minimum_gain": 0.02,
    "yearly_risk": 0.2,  # of ever promoting noise within a calendar year
    "runs_per_year": 12,
    "requires_approval": True,
}
SHARED = {
    "artifacts_uri": f"s3://{{{{ params.bucket }}}}/{PIPELINE}",
    "pipeline": PIPELINE,
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
}
BUCKET = Param("bedrock-rft-demo", type="string", title="S3 bucket", description="Everything kept is kept here.")

with DAG(
    dag_id=PIPELINE,
    schedule="@monthly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "bucket": BUCKET,
        "dataset": Param("s3://bedrock-rft-demo/datasets/word_problems.jsonl", type="string"),
        "model": Param("openai.gpt-oss-20b", enum=["openai.gpt-oss-20b", "qwen.qwen3-32b"], section="Training"),
        "n_epochs": Param(2, type="integer", minimum=1, maximum=50, section="Training"),
        "learning_rate_multiplier": Param(1.0, type="number", exclusiveMinimum=0, section="Training"),
    },
    render_template_as_native_obj=True,
    default_args=SHARED,
    doc_md=__doc__,
    tags=["bedrock-rft"],
) as dag:
    split = BedrockRftSplitDatasetOperator(
        task_id="split_dataset",
        dataset="{{ params.dataset }}",
        fractions={"train": 0.5, "validation": 0.17, "test": 0.33},
    )
    train_part, validation_part, test_part = (split.output[name] for name in ("train", "validation", "test"))
    grader = BedrockRftDeployGraderOperator(
        task_id="deploy_grader",
        source=f"{GRADER}:grade",
        function_name="bedrock-rft-retraining-with-approval",
        preflight=validation_part,
    )
    readiness = BedrockRftAssessReadinessOperator(
        task_id="assess_readiness",
        model="{{ params.model }}",
        grader=grader.output,
        dataset=train_part,
        max_samples=100,
        settings={"completions_per_sample": 4},
    )
    upload = BedrockRftUploadDatasetOperator(
        task_id="upload_dataset", dataset=train_part, evaluation=[validation_part, test_part]
    )
    train = BedrockRftCreateJobOperator(
        task_id="train",
        model="{{ params.model }}",
        dataset=upload.output,
        grader=grader.output,
        hyperparameters={
            "n_epochs": "{{ params.n_epochs }}",
            "batch_size": 4,
            "learning_rate_multiplier": "{{ params.learning_rate_multiplier }}",
        },
        deferrable=True,
        poll_interval_seconds=2,
    )
    choose = BedrockRftSelectCheckpointOperator(
        task_id="choose_checkpoint",
        job=train.output,
        rule="one_standard_error",
        grader=grader.output,
        dataset=validation_part,
    )
    evaluate_champion = BedrockRftEvaluateModelOperator(
        task_id="evaluate_champion",
        model="{{ params.model }}",
        champion_of=PIPELINE,
        grader=grader.output,
        dataset=test_part,
    )
    evaluate_candidate = BedrockRftEvaluateModelOperator(
        task_id="evaluate_candidate", model=choose.output, grader=grader.output, dataset=test_part
    )
    gate = BedrockRftPromotionGateOperator(
        task_id="promotion_gate",
        baseline=evaluate_champion.output,
        candidate=evaluate_candidate.output,
        policy=POLICY,
        branches={"approve": "approve", "hold": "publish_report", "reject": "publish_report"},
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Promote {{ ti.xcom_pull('promotion_gate')['candidate_model'] }}?",
        body="{{ ti.xcom_pull('promotion_gate', key='markdown') }}",
    )
    promote = BedrockRftPromoteModelOperator(
        task_id="promote", gate=gate.output, approval=approve.output, outlets=[model_asset(PIPELINE)]
    )
    report = BedrockRftPublishReportOperator(
        task_id="publish_report",
        gate=gate.output,
        baseline=evaluate_champion.output,
        candidate=evaluate_candidate.output,
        dataset=test_part,
        job=train.output,
        champion=promote.output,
        trigger_rule="none_failed",
    )
    readiness >> upload
    readiness >> evaluate_champion
    gate >> approve

with DAG(
    dag_id=f"{PIPELINE}_rollback",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"bucket": BUCKET, "reason": Param(type="string", minLength=3, description="Kept with the champion.")},
    default_args=SHARED,
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    BedrockRftRollbackModelOperator(task_id="rollback", reason="{{ params.reason }}", outlets=[model_asset(PIPELINE)])
