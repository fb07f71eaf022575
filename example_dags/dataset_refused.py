"""What happens to a dataset with errors, and who hears of it?

The check runs first and by itself: a dataset with errors fails the run before anything is uploaded or paid for. Every
finding stands in the log of ``check_dataset`` with its file and line. ``tell_the_owner`` runs only then; put your
notification there.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bedrock_rft.operators.dataset import BedrockRftCheckDatasetOperator
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

GRADER = Path(__file__).parent / "graders" / "word_problems.py"

with DAG(
    dag_id="dataset_refused",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    max_active_runs=1,
    params={
        "dataset": Param("s3://bedrock-rft-demo/datasets/word_problems.jsonl", type="string"),
        "targets": Param(["mantle"], type="array", items={"enum": ["mantle", "native", "sagemaker"]}),
    },
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    check = BedrockRftCheckDatasetOperator(
        task_id="check_dataset", dataset="{{ params.dataset }}", targets="{{ params.targets }}"
    )

    @task(trigger_rule="one_failed")
    def tell_the_owner(**context: Any) -> str:
        """Put your notification here."""
        return f"{context['params']['dataset']} was not trained on; the log of check_dataset names each line."

    check >> tell_the_owner()
    check >> retraining_pipeline(
        Retraining(
            pipeline="dataset_refused",
            dataset="{{ params.dataset }}",
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri="s3://bedrock-rft-demo/dataset_refused",
        )
    )
