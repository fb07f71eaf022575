"""How do I retrain every Monday, and also as soon as there is new data?

One schedule for both: a cron expression with its time zone, or an update of the dataset's asset, whichever comes first.
A run that the asset started trains on what its event names; one that the clock started takes the default. Unchanged
data is not uploaded twice, and the grader is published only if it changed: such a run pays for training only.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bedrock_rft.assets import dataset_asset
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

GRADER = Path(__file__).parent / "graders" / "word_problems.py"
PIPELINE = "scheduled_or_new_data"
FROM_THE_EVENT = (
    "{% set events = triggering_asset_events.values() | list %}"
    "{{ events[0][-1].extra['uri'] if events else params.dataset }}"
)

with DAG(
    dag_id=PIPELINE,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * MON", timezone="Europe/Berlin"), assets=[dataset_asset(PIPELINE)]
    ),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={"dataset": "s3://bedrock-rft-demo/datasets/word_problems.jsonl"},
    render_template_as_native_obj=True,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    retraining_pipeline(
        Retraining(
            pipeline=PIPELINE,
            dataset=FROM_THE_EVENT,
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri=f"s3://bedrock-rft-demo/{PIPELINE}",
        )
    )
