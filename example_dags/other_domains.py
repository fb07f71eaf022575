"""How do I retrain models for other work than word problems?

One DAG per grader of ``graders/``, all made by the same call. Give each its dataset (``<domain>.jsonl`` below
``datasets/`` of the bucket, in the form that the grader's docstring describes) and try the grader on it first:
``bedrock-rft grader test example_dags/graders/moderation.py --dataset moderation.jsonl``. Where a reference is not
itself a right answer, the records have one in the field ``solution``, by which the bench knows what deserves all.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_provider_bedrock_rft.pipelines.retraining import Retraining, retraining_pipeline

GRADERS = Path(__file__).parent / "graders"
SOLUTION = {"preflight_options": {"answer_key": "solution"}}
GRADER_OPTIONS = {"legal_citation": SOLUTION, "unit_tests": SOLUTION}
DOMAINS = ("banking_criteria", "legal_citation", "maintenance_codes", "mathematics", "moderation", "unit_tests")

for domain in DOMAINS:
    with DAG(
        dag_id=f"retrain_{domain}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        max_active_runs=1,
        params={"bucket": Param("bedrock-rft-demo", type="string")},
        render_template_as_native_obj=True,
        default_args={"retries": 2},
        doc_md=__doc__,
        tags=["bedrock-rft"],
    ):
        retraining_pipeline(
            Retraining(
                pipeline=f"retrain_{domain}",
                dataset=f"s3://{{{{ params.bucket }}}}/datasets/{domain}.jsonl",
                grader=f"{GRADERS / domain}.py:grade",
                grader_options=GRADER_OPTIONS.get(domain, {}),
                model="openai.gpt-oss-20b",
                artifacts_uri="s3://{{ params.bucket }}/{{ dag.dag_id }}",
                evaluation={"max_tokens": 4096},
            )
        )
