"""Runs example DAGs in this process with ``DAG.test``, against an emulator; prints how each ended, as JSON.

Everything is Airflow's own but the scheduler: rendering, XCom, mapping, skipping, deferral.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def settings(home: Path, url: str) -> dict[str, str]:
    connection = {
        "conn_type": "aws",
        "login": "AKIALOCALEMULATOR001",
        "password": "local-emulator-secret",
        "extra": {"region_name": "us-west-2", "endpoint_url": url},
    }
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "240",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
    }


def leave_alone(dag: Any, dags: Path) -> None:
    """Make the DAG's file the only one in the folder: ``DAG.test`` reads the whole folder every time."""
    dags.mkdir(exist_ok=True)
    for other in dags.iterdir():
        other.unlink()
    (dags / Path(dag.fileloc).name).symlink_to(dag.fileloc)


def without_retries(dag: Any) -> None:
    """A failure is to be seen at once."""
    for task in dag.tasks:
        if task.is_mapped:
            task.partial_kwargs["retries"] = 0
        else:
            task.retries = 0


def ending(run: Any) -> dict[str, object]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    states: dict[str, list[str]] = {}
    outputs: dict[str, list[object]] = {}
    for instance in sorted(run.get_task_instances(), key=lambda instance: instance.map_index):
        states.setdefault(instance.task_id, []).append(str(instance.state))
    with create_session() as session:
        found = session.scalars(XComModel.get_many(run_id=run.run_id, dag_ids=run.dag_id, key="return_value"))
        for row in sorted(found, key=lambda row: row.map_index):
            outputs.setdefault(row.task_id, []).append(XComModel.deserialize_value(row))
    return {"state": str(run.state), "tasks": states, "outputs": outputs}


def main(home: Path, folder: Path, url: str, wanted: list[dict[str, Any]]) -> None:
    os.environ.update(settings(home, url))
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(str(folder))
    assert not bag.import_errors, bag.import_errors
    endings = {}
    for request in wanted:
        began = time.monotonic()
        dag = bag.dags[request["dag_id"]]
        leave_alone(dag, home / "dags")
        without_retries(dag)
        endings[request.get("name", request["dag_id"])] = ending(dag.test(run_conf=request.get("conf")))
        sys.stderr.write(f"{request['dag_id']}: {time.monotonic() - began:.1f} s, cpu {time.process_time():.1f} s\n")
        sys.stderr.flush()
    sys.stdout.write("\n" + json.dumps(endings, default=str) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
