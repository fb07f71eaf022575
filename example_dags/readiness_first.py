"""How do I find out before paying whether training can teach my model anything?

Step 0 asks the base model several times per prompt. Where all its completions of a prompt earn the same, that prompt
teaches nothing; ``readiness`` says how many are left, and training follows on ``go`` only. On any other verdict what
follows is skipped, and the log says why.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG

from airflow_provider_bedrock_rft.operators.readiness import BedrockRftAssessReadinessOperator
from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, RetrainingParts, retraining_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import XComArg

GRADER = Path(__file__).parent / "graders" / "word_problems.py"


class ReadyFirst(RetrainingParts):
    """Puts step 0 before the training."""

    parts: Mapping[str, XComArg]

    def split(self) -> Mapping[str, XComArg]:
        """Remember the parts: step 0 asks about the prompts that would be trained on."""
        self.parts = super().split()
        return self.parts

    def train(self, dataset: XComArg, grader: XComArg) -> XComArg:
        """Train if step 0 says so."""
        readiness = BedrockRftAssessReadinessOperator(
            task_id="readiness",
            model=self.plan.model,
            grader=grader,
            dataset=self.parts["train"],
            artifacts_uri=self.plan.artifacts_uri,
            max_samples=100,
        )
        job = super().train(dataset, grader)
        readiness >> job
        return job


with DAG(
    dag_id="readiness_first",
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
            pipeline="readiness_first",
            dataset="s3://bedrock-rft-demo/datasets/word_problems.jsonl",
            grader=f"{GRADER}:grade",
            model="openai.gpt-oss-20b",
            artifacts_uri="s3://bedrock-rft-demo/readiness_first",
        ),
        parts=ReadyFirst,
    )
