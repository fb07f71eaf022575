"""What the page knows from Airflow, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("dataset", "grader", "readiness", "job", "checkpoint", "evaluation", "decision", "promotion")
"""In the pipeline's order; other tasks have the empty stage."""
_WORDS = {
    "Dataset": "dataset",
    "Grader": "grader",
    "Readiness": "readiness",
    "Checkpoint": "checkpoint",
    "Evaluat": "evaluation",
    "Compare": "evaluation",
    "Gate": "decision",
    "Approv": "decision",
    "Promote": "promotion",
    "Rollback": "promotion",
    "Job": "job",
}
CREATE_JOB = "BedrockRftCreateJobOperator"
ASKING = frozenset({"ApprovalOperator", "HITLOperator", "HITLBranchOperator", "HITLEntryOperator"})
"""Airflow's operators that ask a person."""


def stage_of(operator: str) -> str:
    """The stage that an operator of ours works at, or a person; empty for anybody else's."""
    if operator in ASKING:
        return "decision"
    if not operator.startswith("BedrockRft"):
        return ""
    return next((stage for word, stage in _WORDS.items() if word in operator), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of ours in a DAG; its connection and model are as the DAG's author wrote them, perhaps templates."""

    task_id: str
    operator: str
    model: str = ""
    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None

    @property
    def stage(self) -> str:
        """Where it stands in the pipeline."""
        return stage_of(self.operator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A DAG with tasks of ours; ``params`` are the names of what a run can be given."""

    dag_id: str
    tasks: tuple[Task, ...]
    is_paused: bool = False
    params: frozenset[str] = frozenset()

    def task_ids(self, *stages: str) -> tuple[str, ...]:
        """Tasks of these stages, of all where none is named."""
        return tuple(task.task_id for task in self.tasks if not stages or task.stage in stages)

    def task(self, task_id: str) -> Task | None:
        """The task of that id."""
        return next((task for task in self.tasks if task.task_id == task_id), None)

    @property
    def is_evaluator(self) -> bool:
        """True for a DAG that evaluates the model it is given, and trains none."""
        given = any(task.stage == "evaluation" and "params.model" in task.model for task in self.tasks)
        return given and "model" in self.params and not self.task_ids("job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A dag run; ``number`` is Airflow's own key of it. Times are epoch seconds, UTC."""

    dag_id: str
    run_id: str
    number: int
    state: str
    run_after: float
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def is_live(self) -> bool:
        """True while anything may still change by itself."""
        return self.state in {"queued", "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """A task instance; ``map_index`` is -1 for one that is not mapped."""

    task_id: str
    map_index: int
    operator: str
    state: str
    try_number: int = 1
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a task instance has handed on."""

    task_id: str
    map_index: int
    value: object
    run_number: int = 0
    at: float = 0.0

    @property
    def kind(self) -> str:
        """Of a payload of ours; empty for anything else."""
        kind = self.value.get("kind") if isinstance(self.value, dict) else None
        return kind if isinstance(kind, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a human-in-the-loop task asks.

    Attributes:
        task_id: The task.
        map_index: -1 where it is not mapped.
        state: Of the task, Airflow's word.
        subject: The question.
        options: What can be answered.
        has_form: Asks for more than one of the options.
        asked_at: Epoch seconds.
        assigned: Ids of those who alone may answer; empty for everybody who may.
        chosen: The answer, empty until there is one.
        answered_by: Name; empty for an answer by default.
        answered_at: Epoch seconds, ``None`` until there is an answer.
    """

    task_id: str
    map_index: int
    state: str
    subject: str
    options: tuple[str, ...]
    has_form: bool = False
    asked_at: float = 0.0
    assigned: frozenset[str] = frozenset()
    chosen: tuple[str, ...] = ()
    answered_by: str = ""
    answered_at: float | None = None

    @property
    def is_open(self) -> bool:
        """True while the task waits for an answer: in a state of its own since Airflow 3.3, deferred before."""
        return self.answered_at is None and self.state in {"awaiting_input", "deferred"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something the page has to say instead of, or besides, what was asked for.

    Attributes:
        severity: ``info``, ``warning`` or ``error``.
        text: One sentence.
        action: What to do, may be empty.
    """

    severity: str
    text: str
    action: str = ""
