"""Parses the example DAGs as Airflow's DAG processor would, and prints what is in them as JSON."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module, util
from types import SimpleNamespace
from typing import Any

LONGER_IMPORT_TIMEOUT_SECONDS = "120"  # this machine may be doing other things


def dag_bag(folder: str) -> Any:
    os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = LONGER_IMPORT_TIMEOUT_SECONDS
    homes = ("airflow.dag_processing.dagbag", "airflow.models.dagbag")  # it moved in 3.2
    home = next(name for name in homes if util.find_spec(name))
    return import_module(home).DagBag(dag_folder=folder)


def described(task: Any) -> dict[str, object]:
    real = task.partial_kwargs if task.is_mapped else vars(task)
    missing = [name for name in task.template_fields if not task.is_mapped and name not in real]
    return {
        "type": task.task_type,
        "downstream": sorted(task.downstream_task_ids),
        "missing_template_fields": missing,
        "mapped": task.is_mapped,
    }


def rendered(bag: Any) -> dict[str, object]:
    """Templates that do more than name a parameter, rendered as a worker would."""
    approve = bag.dags["human_approval"].get_task("retraining.approve")
    split = bag.dags["asset_triggered_retraining"].get_task("retraining.split")
    event = SimpleNamespace(extra={"uri": "s3://b/from-event.jsonl"})
    params = {"dataset": "s3://b/from-params.jsonl"}
    return {
        "approval": approve.render_template(
            approve.body, {"ti": SimpleNamespace(xcom_pull=lambda task_id, key: f"{key} of {task_id}")}
        ),
        "by_event": split.render_template(split.dataset, {"triggering_asset_events": {"a": [event]}, "params": params}),
        "by_hand": split.render_template(split.dataset, {"triggering_asset_events": {}, "params": params}),
    }


def main(folder: str) -> None:
    bag = dag_bag(folder)
    dags = {
        dag_id: {
            "file": dag.fileloc,
            "doc": dag.doc_md or "",
            "tasks": {task.task_id: described(task) for task in dag.tasks},
        }
        for dag_id, dag in bag.dags.items()
    }
    found = {"errors": dict(bag.import_errors), "dags": dags, "rendered": {} if bag.import_errors else rendered(bag)}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
