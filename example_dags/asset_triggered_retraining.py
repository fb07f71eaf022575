"""How do I retrain whenever there is new data, instead of every week?

``new_dataset`` stands for whatever makes your data: its last task updates the asset ``bedrock-rft://tutor/dataset`` and
says in the event where the file is. ``asset_triggered_retraining`` runs when that asset is updated, on that file;
triggered by hand it takes the parameter ``dataset``.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bedrock_rft.assets import dataset_asset
from airflow_provider_bedrock_rft.operators.dataset import BedrockRftCheckDatasetOperator
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

GRADER = Path(__file__).parent / "graders" / "word_problems.py"
DATASET = "s3://bedrock-rft-demo/datasets/word_problems.jsonl"
NEW_DATA = dataset_asset("tutor")
FROM_THE_EVENT = (
    "{% set events = triggering_asset_events.values() | list %}"
    "{{ events[0][-1].extra['uri'] if events else params.dataset }}"
)

with DAG(
    dag_id="new_dataset",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"dataset": DATASET},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    check = BedrockRftCheckDatasetOperator(task_id="check_dataset", dataset="{{ params.dataset }}")

    @task(outlets=[NEW_DATA])
    def announce(**context: Any) -> None:
        """Only data that passed the check is announced."""
        context["outlet_events"][NEW_DATA].extra = {"uri": context["params"]["dataset"]}

    check >> announce()

with DAG(
    dag_id="asset_triggered_retraining",
    schedule=[NEW_DATA],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    max_active_runs=1,
    params={"dataset": DATASET},
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    retraining_pipeline(
        Retraining(
            pipeline="tutor",
            dataset=FROM_THE_EVENT,
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri="s3://bedrock-rft-demo/tutor",
        )
    )
