"""How good is one model, or one checkpoint, on records that it has not seen?

Give a run the model, and it is evaluated; nothing is trained and nothing promoted. The RFT page offers this DAG beside
every checkpoint (*Evaluate this*), with the grader and the dataset of the run that made the checkpoint: it offers every
DAG that trains none and evaluates ``{{ params.model }}``.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, Param

from airflow_provider_bedrock_rft.operators.evaluation import BedrockRftEvaluateModelOperator

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:bedrock-rft-recurring-retraining:1"

with DAG(
    dag_id="evaluate_model",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={
        "model": Param("openai.gpt-oss-20b", type="string", description="Model or checkpoint id."),
        "grader": Param(GRADER, type="string", description="ARN of a published version."),
        "dataset": Param("s3://bedrock-rft-demo/datasets/word_problems.jsonl", type="string"),
        "bucket": Param("bedrock-rft-demo", type="string", title="S3 bucket"),
    },
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    BedrockRftEvaluateModelOperator(
        task_id="evaluate",
        model="{{ params.model }}",
        grader="{{ params.grader }}",
        dataset="{{ params.dataset }}",
        artifacts_uri="s3://{{ params.bucket }}/evaluate_model",
    )
