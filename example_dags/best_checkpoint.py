"""How do I go on with the best checkpoint instead of the last?

The dataset is split in three. With a part called ``validation`` the pipeline scores every checkpoint on it and takes
the earliest one that cannot be told from the best; the comparison is then made on ``test``, which had no say in that.
Choosing and comparing on the same prompts would make the gain look larger than it is.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

GRADER = Path(__file__).parent / "graders" / "word_problems.py"

with DAG(
    dag_id="best_checkpoint",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    retraining_pipeline(
        Retraining(
            pipeline="best_checkpoint",
            dataset="s3://bedrock-rft-demo/datasets/word_problems.jsonl",
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri="s3://bedrock-rft-demo/best_checkpoint",
            fractions={"train": 0.5, "validation": 0.2, "test": 0.3},
            hyperparameters={"n_epochs": 2, "batch_size": 4},
        )
    )
