"""How far a job has come, and who is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from airflow_provider_bedrock_rft.emulator.store import Change, Put
from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Iterable

KIND = "run"
OPEN = "open"
DONE = "done"
Level = Literal["info", "warn", "error"]


class Phase(str, Enum):
    """Where a job stands; each control plane has its own words for it."""

    VALIDATING = "validating"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when nothing follows."""
        return self in {Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED}


class JobFailure(Exception):
    """The job cannot go on. ``code`` is a word for machines, ``param`` the request's field at fault, if one is."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code = code
        self.message = message
        self.param = param
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChange:
    """When a phase began."""

    phase: Phase
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutScore:
    """The mean reward of greedy completions of held-out prompts after ``step`` steps; null if none could be graded."""

    step: int
    reward_mean: float | None
    n_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed."""

    code: str
    message: str
    param: str | None


@dataclass(slots=True, kw_only=True)
class RunState:
    """Everything besides the weights that a job needs to go on after a restart. ``step`` counts finished steps."""

    phase: Phase = Phase.VALIDATING
    phases: list[PhaseChange] = field(default_factory=list)
    n_records: int = 0
    total_steps: int = 0
    step: int = 0
    trained_tokens: int = 0
    n_flat_steps: int = 0
    n_bad_steps_in_a_row: int = 0
    held_out: list[HeldOutScore] = field(default_factory=list)
    weights: str | None = None
    failure: Failure | None = None

    def phase_at(self, time: float) -> Phase | None:
        """The phase the job was in at ``time``; None before its first."""
        return next((change.phase for change in reversed(self.phases) if change.at <= time), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A job as it is stored."""

    plan: TrainingPlan
    state: RunState

    def to_change(self) -> Change:
        """The write that stores it."""
        label = DONE if self.state.phase.is_final else OPEN
        return Put(kind=KIND, owner="", id=self.plan.job_id, label=label, body=msgspec.json.encode(self))


def parse_run(body: bytes) -> RunRecord:
    """A stored job."""
    return msgspec.json.decode(body, type=RunRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics:
    """What one step reports."""

    step: int
    total_steps: int
    rewards_mean: float
    pg_loss: float
    entropy: float
    grad_norm: float
    advantages_mean: float
    response_length_mean: float


class JobListener(Protocol):
    """A control plane's view of its jobs: it answers each report with the writes that make it visible.

    They are committed in one transaction with the engine's own, so that plane and engine never disagree.
    """

    def phase_changed(self, plan: TrainingPlan, state: RunState) -> Iterable[Change]:
        """``state.phase`` is new."""
        ...

    def said(self, plan: TrainingPlan, key: str, level: Level, text: str) -> Iterable[Change]:
        """A message. ``key`` is unique within the job: the same key twice is the same message."""
        ...

    def stepped(self, plan: TrainingPlan, metrics: StepMetrics) -> Iterable[Change]:
        """A step is done."""
        ...

    def reached_checkpoint(self, plan: TrainingPlan, state: RunState, weights: str) -> Iterable[Change]:
        """The policy after ``state.step`` steps is kept under the blob name ``weights``."""
        ...
