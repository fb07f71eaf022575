"""What the tasks of a DAG file will touch, read from their fields without running them."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OURS = "airflow_provider_bedrock_rft."
NEEDS = {
    "pipeline": "pipelines",
    "champion_of": "pipelines",
    "function_name": "functions",
    "artifacts_uri": "artifacts",
    "output_s3_uri": "artifacts",
    "dataset": "inputs",
    "preflight": "inputs",
    "calibration": "inputs",
    "packages_uri": "artifacts",
    "validation_data": "inputs",
    "model": "planes",
    "plane": "planes",
    "role_arn": "job_roles",
}
"""Field of an operator → field of ``PipelineNeeds``."""
GRADER_ROLE = "grader_roles"


def read_dag_file(file: Path) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    """Field of ``PipelineNeeds`` → values, with parameters at their defaults; and the fields that stay unknown.

    Raises:
        InvalidInput: The file is missing, does not parse, or has no task of this package.
    """
    from airflow_provider_bedrock_rft.core.errors import InvalidInput

    found: dict[str, set[str]] = {}
    unknown: set[str] = set()
    tasks = [(dag, task) for dag in _dags_in(file) for task in dag.tasks if _is_ours(task)]
    if not tasks:
        raise InvalidInput(f"{file} has no task of this package.", action="Name the file that defines the DAG.")
    if any("CleanUp" in task.task_type for _, task in tasks):
        found["cleans_up"] = {"yes"}
    for dag, task in tasks:
        for name, value in _texts_of(task):
            text = _rendered(dag, task, value)
            if text is None:
                unknown.add(f"{dag.dag_id}.{task.task_id}: {name}")
            else:
                target, meant = _meaning_of(task, name, text)
                found.setdefault(target, set()).add(meant)
    return {name: tuple(sorted(values)) for name, values in found.items() if name}, tuple(sorted(unknown))


def _dags_in(file: Path) -> list[Any]:
    from airflow_provider_bedrock_rft.core.errors import InvalidInput

    if not file.is_file():
        raise InvalidInput(f"There is no file {file}.", action="Name the file that defines the DAG.")
    homes = ("airflow.dag_processing.dagbag", "airflow.models.dagbag")  # Airflow moved it in 3.2
    with redirect_stdout(sys.stderr):  # Airflow logs to standard output, which is for the command's result
        bag_of = import_module(next(home for home in homes if find_spec(home))).DagBag
        without = {"include_examples": False} if "include_examples" in signature(bag_of).parameters else {}
        bag = bag_of(dag_folder=str(file.resolve()), **without)
    for error in bag.import_errors.values():
        raise InvalidInput(f"{file} does not parse: {error.strip().splitlines()[-1]}", action="Mend it first.")
    return list(bag.dags.values())


def _is_ours(task: Any) -> bool:  # noqa: ANN401 -- an operator, mapped or not
    made_of = task.operator_class if task.is_mapped else type(task)
    return any(parent.__module__.startswith(OURS) for parent in made_of.__mro__)


def _texts_of(task: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- an operator, mapped or not
    fields = task.partial_kwargs if task.is_mapped else vars(task)
    for name in NEEDS:
        if isinstance(value := fields.get(name), str) and value:
            yield name, value


def _rendered(dag: Any, task: Any, value: str) -> str | None:  # noqa: ANN401 -- Airflow's
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    params = {**dag.params.dump(), **({} if task.is_mapped else task.params.dump())}
    try:
        template = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False).from_string(value)
        return template.render(params=params, dag=dag)
    except TemplateError:
        return None


def _meaning_of(task: Any, name: str, text: str) -> tuple[str, str]:  # noqa: ANN401 -- an operator, mapped or not
    """Field of ``PipelineNeeds`` and value, both empty where the text needs nothing."""
    from airflow_provider_bedrock_rft.core.job.plane import plane_of_model

    target = NEEDS[name]
    if name == "role_arn" and "Grader" in task.task_type:
        return GRADER_ROLE, text
    if name == "model":
        return target, plane_of_model(text).value
    needs_nothing = text == "auto" if name == "plane" else target == "inputs" and not text.startswith("s3://")
    return ("", "") if needs_nothing else (target, text)
