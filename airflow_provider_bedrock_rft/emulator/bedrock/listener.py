"""How the engine's reports become the native plane's jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.book import JobBook, Stage, with_details
from airflow_provider_bedrock_rft.emulator.exchange import encode
from airflow_provider_bedrock_rft.emulator.store import Change, Put
from airflow_provider_bedrock_rft.emulator.training.state import Level, Phase, RunState, StepMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

STEP = "native-step"
_DETAILS: Mapping[Phase, Mapping[str, str]] = {
    Phase.VALIDATING: {"validation": "InProgress"},
    Phase.QUEUED: {"validation": "Completed", "dataProcessing": "InProgress"},
    Phase.RUNNING: {"validation": "Completed", "dataProcessing": "Completed", "training": "InProgress"},
    Phase.SUCCEEDED: {"validation": "Completed", "dataProcessing": "Completed", "training": "Completed"},
}


class NativeListener:
    """Keeps the documents; ``ended`` is told of a job that has yet to hand over what it made."""

    def __init__(self, book: JobBook, clock: EmulatorClock) -> None:
        self._book = book
        self._clock = clock
        self.ended: Callable[[str, str], None] = _nobody

    def phase_changed(self, plan: TrainingPlan, state: RunState) -> list[Change]:
        """The job with its new details. A job that ends is handed over: it shows so when that is done."""
        arn = arn_of(plan)
        job = self._book.latest(owner_of(plan), arn)
        if job is None:
            return []
        details = with_details(job, self._clock.now(), **_details(state, job))
        if not state.phase.is_final:
            return [self._book.write(owner_of(plan), job, statusDetails=details, stage=Stage.TRAINING)]
        self.ended(owner_of(plan), arn)
        return [
            self._book.write(
                owner_of(plan),
                job,
                statusDetails=details,
                stage=Stage.FINISHING,
                weights=state.weights,
                verdict=state.phase.value,
                why="" if state.failure is None else state.failure.message,
            )
        ]

    def said(self, plan: TrainingPlan, key: str, level: Level, text: str) -> list[Change]:  # noqa: ARG002 -- the port's
        """Nothing: the native plane has no messages."""
        return []

    def stepped(self, plan: TrainingPlan, metrics: StepMetrics) -> list[Change]:
        """A line of the metrics that the job writes when it ends."""
        return [Put(kind=STEP, owner=arn_of(plan), id=f"{metrics.step:06d}", body=encode(metrics), once=True)]

    def reached_checkpoint(self, plan: TrainingPlan, state: RunState, weights: str) -> list[Change]:  # noqa: ARG002
        """Nothing: the native plane shows no checkpoints; the last one is what a stopped job leaves."""
        return []


def arn_of(plan: TrainingPlan) -> str:
    """The ARN of the plan's job."""
    return f"arn:aws:bedrock:{plan.region}:{plan.account}:model-customization-job/{plan.model}/{plan.job_id}"


def owner_of(plan: TrainingPlan) -> str:
    """Whose job it is."""
    return f"{plan.account}/{plan.region}"


def running_part(details: Mapping[str, Mapping[str, str]]) -> str:
    """The part of a job that is going on: validation, dataProcessing or training."""
    parts = ("training", "dataProcessing", "validation")
    started = (part for part in parts if details[f"{part}Details"]["status"] != "NotStarted")
    return next(started, "validation")


def _details(state: RunState, job: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Mapping[str, str]:
    match state.phase:
        case Phase.FAILED:
            return {running_part(job["statusDetails"]): "Failed"}
        case Phase.CANCELLED:
            return {running_part(job["statusDetails"]): "Stopped"}
        case phase:
            return _DETAILS[phase]


def _nobody(_owner: str, _arn: str) -> None:
    return
