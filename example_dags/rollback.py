"""How do I take a promotion back?

Trigger this DAG by hand and say why: the champion before the present one serves again. Nothing is deleted; a second run
goes one champion further back. ``champion_changed`` shows how to start what depends on the model: it runs after every
promotion and every rollback.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bedrock_rft.assets import model_asset
from airflow_provider_bedrock_rft.operators.promotion import BedrockRftRollbackModelOperator

PIPELINE = "recurring_retraining"
CHAMPION = model_asset(PIPELINE)

with DAG(
    dag_id="rollback",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    params={"reason": Param(type="string", minLength=3, description="Kept with the champion.")},
    doc_md=__doc__,
    tags=["bedrock-rft"],
):
    BedrockRftRollbackModelOperator(
        task_id="rollback", pipeline=PIPELINE, reason="{{ params.reason }}", outlets=[CHAMPION]
    )

with DAG(
    dag_id="champion_changed",
    schedule=[CHAMPION],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    doc_md=__doc__,
    tags=["bedrock-rft"],
):

    @task
    def tell(**context: Any) -> list[str]:
        """Put what is to happen here: warm a cache, start a batch, write a message."""
        events = [event.extra for event in context["triggering_asset_events"][CHAMPION]]
        return [f"{event['action']}: {event['model']} (before: {event['previous_model']})" for event in events]

    tell()
