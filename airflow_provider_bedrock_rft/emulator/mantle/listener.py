"""How the engine's reports become Mantle's jobs, events, checkpoints and models."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.exchange import Json, encode
from airflow_provider_bedrock_rft.emulator.mantle.models import TunedModel
from airflow_provider_bedrock_rft.emulator.store import Change, Put, Store
from airflow_provider_bedrock_rft.emulator.training.state import Level, Phase, RunState, StepMetrics

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

PLANE = "mantle"
JOB = "job"
EVENT = "event"
CHECKPOINT = "checkpoint"
STATUS = {
    Phase.VALIDATING: "validating_files",
    Phase.QUEUED: "queued",
    Phase.RUNNING: "running",
    Phase.SUCCEEDED: "succeeded",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "cancelled",
}


class MantleListener:
    """Keeps the documents that Mantle's routes serve."""

    def __init__(self, store: Store, clock: EmulatorClock) -> None:
        self._store = store
        self._clock = clock

    def phase_changed(self, plan: TrainingPlan, state: RunState) -> list[Change]:
        """The job object with its new status. A job that is being created is not stored yet and writes itself."""
        body = self._store.get(JOB, owner_of(plan), plan.job_id)
        if body is None:
            return []
        job = json.loads(body)
        render(job, plan, state)
        return [Put(kind=JOB, owner=owner_of(plan), id=plan.job_id, body=encode(job))]

    def said(self, plan: TrainingPlan, key: str, level: Level, text: str) -> list[Change]:
        """A message event."""
        return [self._event(plan, key, level, text, "message", None)]

    def stepped(self, plan: TrainingPlan, metrics: StepMetrics) -> list[Change]:
        """A metrics event."""
        data = {
            "step": metrics.step,
            "total_steps": metrics.total_steps,
            "critic_rewards_mean": metrics.rewards_mean,
            "actor_pg_loss": metrics.pg_loss,
            "actor_entropy": metrics.entropy,
            "actor_grad_norm": metrics.grad_norm,
            "critic_advantages_mean": metrics.advantages_mean,
            "response_length_mean": metrics.response_length_mean,
        }
        text = f"Step {metrics.step}/{metrics.total_steps}: training metrics"
        return [self._event(plan, f"step-{metrics.step}", "info", text, "metrics", data)]

    def reached_checkpoint(self, plan: TrainingPlan, state: RunState, weights: str) -> list[Change]:
        """A checkpoint, the model it is, and an event."""
        model = TunedModel(
            id=model_id(plan.job_id, state.step),
            base=plan.model,
            job_id=plan.job_id,
            step=state.step,
            created_at=int(self._clock.now()),
            weights=weights,
        )
        checkpoint = {
            "id": f"ftckpt-{_uuid(plan.job_id, f'checkpoint-{state.step}')}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": model.created_at,
            "fine_tuning_job_id": plan.job_id,
            "fine_tuned_model_checkpoint": model.id,
            "step_number": state.step,
            "metrics": {"step": state.step},
        }
        return [
            model.to_put(owner_of(plan)),
            Put(kind=CHECKPOINT, owner=plan.job_id, id=str(checkpoint["id"]), body=encode(checkpoint), once=True),
            *self.said(
                plan, f"checkpoint-{state.step}", "info", f"Checkpoint created at step {state.step}: {model.id}"
            ),
        ]

    def _event(self, plan: TrainingPlan, key: str, level: Level, text: str, kind: str, data: Json | None) -> Change:
        event_id = f"ftevent-{_uuid(plan.job_id, key)}"
        event = {
            "id": event_id,
            "object": "fine_tuning.job.event",
            "created_at": int(self._clock.now()),
            "level": level,
            "type": kind,
            "message": text,
            "data": data,
        }
        return Put(kind=EVENT, owner=plan.job_id, id=event_id, body=encode(event), once=True)


def render(job: Json, plan: TrainingPlan, state: RunState) -> None:
    """Bring a job object up to date with the engine."""
    job["status"] = STATUS[state.phase]
    job["error"] = None
    if not state.phase.is_final:
        return
    job["finished_at"] = int(state.phases[-1].at)
    if state.phase is Phase.SUCCEEDED:
        job["fine_tuned_model"] = model_id(plan.job_id, state.step)
        job["trained_tokens"] = state.trained_tokens
    if state.failure is not None:
        failure = state.failure
        job["error"] = {"code": failure.code, "message": failure.message, "param": failure.param}


def owner_of(plan: TrainingPlan) -> str:
    """Whose job it is."""
    return f"{plan.account}/{plan.region}"


def model_id(job_id: str, step: int) -> str:
    """The id of the model after ``step`` steps; clients must not read anything into it."""
    return f"ft-{_uuid(job_id, f'model-{step}')}"


def _uuid(job_id: str, key: str) -> str:
    digest = hashlib.sha256(f"{job_id}/{key}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
