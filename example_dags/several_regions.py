"""How do I retrain several models, each in the region where it is trained?

The whole retraining is a task group, mapped over places: a model, its region, and the name that its champion goes by.
The data is split once, so that all places are held to the same prompts. Everything else (file, function, job, champion)
lives in the place's region, and one place's failure stops no other. Mantle trains in us-west-2 and its models answer at
once; Nova is trained in us-east-1 and answers through a deployment, so its group has one task more.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, task_group

from airflow_provider_bedrock_rft.operators.dataset import (
    BedrockRftSplitDatasetOperator,
    BedrockRftUploadDatasetOperator,
)
from airflow_provider_bedrock_rft.operators.deployment import BedrockRftDeployModelOperator
from airflow_provider_bedrock_rft.operators.evaluation import BedrockRftEvaluateModelOperator
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.operators.promotion import (
    BedrockRftPromoteModelOperator,
    BedrockRftPromotionGateOperator,
)

if TYPE_CHECKING:
    from airflow.sdk import XComArg

ON_MANTLE = [
    {"model": "openai.gpt-oss-20b", "region": "us-west-2", "champion": "places_gpt_oss"},
    {"model": "qwen.qwen3-32b", "region": "us-west-2", "champion": "places_qwen"},
]
NATIVE = [{"model": "amazon.nova-2-lite-v1:0:256k", "region": "us-east-1", "champion": "places_nova"}]
NOVA_BASE = "us.amazon.nova-2-lite-v1:0"
GRADER = Path(__file__).parent / "graders" / "word_problems.py"
ARTIFACTS = "s3://bedrock-rft-demo/several_regions"

with DAG(
    dag_id="several_regions",
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
        fractions={"train": 0.67, "test": 0.33},
    )

    def train(model: str, region: str, plane: str, hyperparameters: dict[str, int]) -> tuple[XComArg, XComArg]:
        """The place's own file, function and job."""
        upload = BedrockRftUploadDatasetOperator(
            task_id="upload",
            dataset=split.output["train"],
            evaluation=[split.output["test"]],
            plane=plane,
            artifacts_uri=ARTIFACTS,
            region_name=region,
        )
        deploy = BedrockRftDeployGraderOperator(
            task_id="deploy_grader",
            source=f"{GRADER}:grade",
            function_name="bedrock-rft-several-regions",
            preflight=split.output["test"],
            region_name=region,
        )
        job = BedrockRftCreateJobOperator(
            task_id="train",
            model=model,
            dataset=upload.output,
            grader=deploy.output,
            hyperparameters=hyperparameters,
            artifacts_uri=ARTIFACTS,
            deferrable=True,
            region_name=region,
        )
        return job.output, deploy.output

    def decide(base: str, tuned: XComArg, grader: XComArg, region: str, champion: str) -> None:
        """Against the place's own champion, before the first promotion against the base model."""
        compared = {
            "grader": grader,
            "dataset": split.output["test"],
            "artifacts_uri": ARTIFACTS,
            "region_name": region,
        }
        gate = BedrockRftPromotionGateOperator(
            task_id="promotion_gate",
            pipeline=champion,
            baseline=BedrockRftEvaluateModelOperator(
                task_id="evaluate_base", model=base, champion_of=champion, **compared
            ).output,
            candidate=BedrockRftEvaluateModelOperator(task_id="evaluate_tuned", model=tuned, **compared).output,
            region_name=region,
        )
        gate >> BedrockRftPromoteModelOperator(
            task_id="promote", pipeline=champion, gate=gate.output, region_name=region
        )

    @task_group
    def on_mantle(model: str, region: str, champion: str) -> None:
        """One model of Mantle."""
        job, grader = train(model, region, "mantle", {"n_epochs": 2, "batch_size": 4})
        decide(model, job, grader, region, champion)

    @task_group
    def native(model: str, region: str, champion: str) -> None:
        """One model of the native plane."""
        job, grader = train(model, region, "native", {"n_epochs": 2, "batch_size": 16})
        deployed = BedrockRftDeployModelOperator(task_id="deploy_model", model=job, region_name=region)
        decide(NOVA_BASE, deployed.output, grader, region, champion)

    on_mantle.expand_kwargs(ON_MANTLE)
    native.expand_kwargs(NATIVE)
