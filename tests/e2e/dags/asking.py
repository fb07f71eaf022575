"""How does a person answer on the page? The one task of ours runs only where the answer is yes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider_bedrock_rft.operators.promotion import BedrockRftRollbackModelOperator

with DAG(
    "asking",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    default_args={"retries": 5, "retry_delay": timedelta(0)},  # an answer may come before Airflow listens
    doc_md=__doc__,
):
    ApprovalOperator(task_id="approve", subject="Roll <b>back</b>?") >> BedrockRftRollbackModelOperator(
        task_id="rollback", pipeline="nobody", reason="A person said so."
    )
