"""How do I retrain on what users asked, and on how they corrected the answers?

Bedrock logs every request of the application to S3, with the metadata that the application sent along; ``import_logs``
makes a dataset of what was asked. What is right, the log does not know: the application writes, for each answer that
somebody confirmed or corrected, a line ``{"request_id": …, "reference_answer": …}``. ``add_answers`` joins the two.
With fewer than 150 answers the run ends there; nothing is paid for.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.operators.dataset_making import BedrockRftImportInvocationLogsOperator
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

PIPELINE = "feedback_driven_retraining"
BUCKET = "s3://bedrock-rft-demo"
FEEDBACK = f"{BUCKET}/feedback/answers.jsonl"
GRADER = Path(__file__).parent / "graders" / "word_problems.py"
ENOUGH = 150


def lines_of(data: bytes) -> list[dict[str, Any]]:
    """Of a JSONL object."""
    return [json.loads(line) for line in data.splitlines()]


with DAG(
    dag_id=PIPELINE,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    import_logs = BedrockRftImportInvocationLogsOperator(
        task_id="import_logs",
        logs=f"{BUCKET}/invocation-logs/",
        metadata={"app": "tutor"},
        artifacts_uri=f"{BUCKET}/{PIPELINE}",
    )

    @task(multiple_outputs=True)
    def add_answers(dataset: str) -> dict[str, Any]:
        """The records that somebody has answered for, with that answer as their reference."""
        objects = BedrockRftHook().objects
        answers = {line["request_id"]: line["reference_answer"] for line in lines_of(objects.get(FEEDBACK))}
        records = [
            {**record, "reference_answer": answers[record["id"]]}
            for record in lines_of(objects.get(dataset))
            if record["id"] in answers
        ]
        uri = dataset.replace(".jsonl", "-answered.jsonl")
        objects.put_bytes(uri, "".join(json.dumps(record) + "\n" for record in records).encode())
        return {"uri": uri, "n_records": len(records)}

    @task.short_circuit
    def is_enough(n_records: int) -> bool:
        """Too few are no reason to train."""
        return n_records >= ENOUGH

    answered = add_answers(import_logs.output["dataset"])
    is_enough(answered["n_records"]) >> retraining_pipeline(
        Retraining(
            pipeline=PIPELINE,
            dataset=answered["uri"],
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri=f"{BUCKET}/{PIPELINE}",
        )
    )
