"""How do I have a person approve a promotion?

One part of the pipeline is replaced: between the gate and the promotion stands Airflow's ``ApprovalOperator``, which
shows the comparison and waits until somebody answers. "Reject" leaves the champion where it is. A person is asked only
about what the gate would promote.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, BaseOperator

from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, RetrainingParts, retraining_pipeline

GRADER = Path(__file__).parent / "graders" / "word_problems.py"


class Approved(RetrainingParts):
    """Adds a person's approval."""

    def approve(self, gate: BaseOperator) -> BaseOperator:
        """Wait for it in the UI (Required Actions) or over Airflow's API."""
        return ApprovalOperator(
            task_id="approve",
            subject=f"Promote a new model for {self.plan.pipeline}?",
            body=f"{{{{ ti.xcom_pull({gate.task_id!r}, key='markdown') }}}}",
        )


with DAG(
    dag_id="human_approval",
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
            pipeline="human_approval",
            dataset="s3://bedrock-rft-demo/datasets/word_problems.jsonl",
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri="s3://bedrock-rft-demo/human_approval",
            policy={"minimum_gain": 0.02, "requires_approval": True},
        ),
        parts=Approved,
    )
