"""One task that trains; which plane, data and connection says the run's configuration."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_bedrock_rft import BedrockRftCreateJobOperator

for dag_id, deferrable in (("crash_inline", False), ("crash_deferred", True)):
    for suffix, on_cancel in (("", "stop"), ("_leave", "leave")):
        with DAG(
            dag_id + suffix,
            schedule=None,
            max_active_runs=64,
            max_active_tasks=64,
            is_paused_upon_creation=False,
            default_args={"retries": 6, "retry_delay": timedelta(0)},
            params={
                "model": "",
                "dataset": "",
                "grader": "",
                "connection": "",
                "artifacts_uri": "",
                "n_epochs": 1,
                "batch_size": 64,
            },
        ):
            BedrockRftCreateJobOperator(
                task_id="train",
                model="{{ params.model }}",
                dataset="{{ params.dataset }}",
                grader="{{ params.grader }}",
                artifacts_uri="{{ params.artifacts_uri }}",
                hyperparameters={"n_epochs": "{{ params.n_epochs }}", "batch_size": "{{ params.batch_size }}"},
                aws_conn_id="{{ params.connection }}",
                deferrable=deferrable,
                on_cancel=on_cancel,
                poll_interval_seconds=2.0,
            )
