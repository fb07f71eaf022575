"""One run: its stages with their times, and what each has handed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
from airflow_provider_bedrock_rft.plugin.facts import CREATE_JOB, STAGES, Note, Run, stage_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.plugin.facts import Output, TaskRun

KNOWN_VERSION = 1
"""The newest version of any payload that this page reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """A task instance in the strip.

    Attributes:
        task_id: The task.
        map_index: -1 where it is not mapped.
        stage: Of the pipeline; empty for a task that is none of ours.
        operator: Class name.
        state: Airflow's word.
        started_at: Epoch seconds.
        ended_at: Epoch seconds.
        try_number: Which try.
        gist: What came of it, in a few words.
    """

    task_id: str
    map_index: int
    stage: str
    operator: str
    state: str
    started_at: float | None
    ended_at: float | None
    try_number: int
    gist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """A job that a task of the run has made or waits for."""

    task_id: str
    map_index: int
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRef:
    """An evaluation that a task of the run has made."""

    task_id: str
    map_index: int
    model: str
    n_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run; ``readiness`` is ``None`` where nobody asked whether training can work."""

    run: Run
    is_live: bool
    stages: Sequence[StageView]
    jobs: Sequence[JobRef]
    evaluations: Sequence[EvaluationRef]
    readiness: Readiness | None
    verdict: str
    summary: str
    has_comparison: bool
    notes: Sequence[Note]


def run_view(run: Run, task_runs: Sequence[TaskRun], outputs: Sequence[Output]) -> RunView:
    """The view of a run. Payloads that cannot be read are named in its notes, and the rest is shown."""
    by_task = {(one.task_id, one.map_index): one for one in outputs if one.kind}
    stages = sorted(
        (_stage(one, by_task.get((one.task_id, one.map_index))) for one in task_runs),
        key=lambda one: (one.started_at or float("inf"), _rank(one.stage), one.task_id, one.map_index),
    )
    gate = next((fields_of(one) for one in outputs if one.kind == "rft.gate"), {})
    n_evaluations = sum(one.kind == "rft.evaluation" for one in outputs)
    return RunView(
        run=run,
        is_live=run.is_live,
        stages=stages,
        jobs=jobs_in(outputs, task_runs),
        evaluations=[ref for _, ref in evaluations_in(outputs)],
        readiness=_readiness(outputs),
        verdict=str(gate.get("verdict", "")),
        summary=str(gate.get("summary", "")),
        has_comparison=bool(gate) or n_evaluations > 1,
        notes=tuple(_version_notes(outputs)),
    )


def jobs_in(outputs: Sequence[Output], task_runs: Sequence[TaskRun]) -> tuple[JobRef, ...]:
    """The jobs of a run, each named once: by the task that made it where that is known."""
    makers = {(one.task_id, one.map_index) for one in task_runs if one.operator == CREATE_JOB}
    found: dict[str, JobRef] = {}
    for output in sorted(outputs, key=lambda one: (one.task_id, one.map_index) not in makers):
        job_id = _job_id(output, is_maker=(output.task_id, output.map_index) in makers)
        if job_id:
            ref = JobRef(task_id=output.task_id, map_index=output.map_index, job_id=job_id)
            found.setdefault(job_id, ref)
    return tuple(found.values())


def evaluations_in(outputs: Sequence[Output]) -> list[tuple[EvaluationRun, EvaluationRef]]:
    """The evaluations of a run that can be read, in the order in which they were made."""
    found = []
    for output in sorted(outputs, key=lambda one: one.at):
        if output.kind == "rft.evaluation":
            with suppress(InvalidPayload):
                run = load(EvaluationRun, output.value)
                ref = EvaluationRef(
                    task_id=output.task_id, map_index=output.map_index, model=run.model, n_samples=run.n_samples
                )
                found.append((run, ref))
    return found


def _readiness(outputs: Sequence[Output]) -> Readiness | None:
    for output in outputs:
        if output.kind == "rft.readiness":
            with suppress(InvalidPayload):
                return load(Readiness, output.value)
    return None


def fields_of(output: Output) -> Mapping[str, object]:
    """The payload's fields; none where it is of a newer version than this page knows."""
    value = output.value
    if not isinstance(value, Mapping) or not _is_readable(value):
        return {}
    return value


def _job_id(output: Output, *, is_maker: bool) -> str:
    if output.kind in {"rft.job", "rft.submission", "rft.checkpoint"}:
        job_id = fields_of(output).get("job_id")
        return job_id if isinstance(job_id, str) else ""
    return output.value if is_maker and isinstance(output.value, str) else ""


def _is_readable(value: Mapping[str, object]) -> bool:
    version = value.get("version")
    return isinstance(version, int) and version <= KNOWN_VERSION


def _version_notes(outputs: Sequence[Output]) -> list[Note]:
    return [
        Note(
            severity="warning",
            text=f"The output of {one.task_id} was written by a newer version of this provider and is not shown.",
            action="Upgrade airflow-provider-bedrock-rft on the API server.",
        )
        for one in outputs
        if one.kind.startswith("rft.") and isinstance(one.value, Mapping) and not _is_readable(one.value)
    ]


def _stage(task: TaskRun, output: Output | None) -> StageView:
    return StageView(
        task_id=task.task_id,
        map_index=task.map_index,
        stage=stage_of(task.operator),
        operator=task.operator,
        state=task.state,
        started_at=task.started_at,
        ended_at=task.ended_at,
        try_number=task.try_number,
        gist=gist_of(output) if output else "",
    )


def gist_of(output: Output) -> str:
    """What a payload says, in a few words; empty where it cannot be read."""
    fields = fields_of(output)
    template = _GISTS.get(output.kind)
    if not fields or template is None:
        return ""
    try:
        return template.format_map(_Words(fields))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return ""


_GISTS = {
    "rft.split": "{n_records}",
    "rft.dataset": "{n_records} records as {file_id}",
    "rft.grader": "{function_name}, version {function_version}",
    "rft.readiness": "{verdict}: {reason}",
    "rft.job": "{tuned_model}",
    "rft.submission": "{job_id}, attempt {attempt}",
    "rft.checkpoint": "step {step}: {model}",
    "rft.checkpoint_choice": "{reason}",
    "rft.evaluation": "{model}: {mean}",
    "rft.comparison": "{difference}",
    "rft.gate": "{verdict}",
    "rft.champion": "{model} serves",
}


class _Words(dict[str, str]):
    """A payload's fields, as words."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        super().__init__({name: _in_words(value) for name, value in fields.items()})


def _in_words(value: object) -> str:
    if isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys():
        return f"{value['value']:.3g} [{value['low']:.3g}, {value['high']:.3g}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{part} {name}" for name, part in value.items())
    if value is None:
        return "too few samples"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)
