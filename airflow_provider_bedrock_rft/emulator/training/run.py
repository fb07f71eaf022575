"""One job's training loop: sample, have graded, update, report, and keep what a restart needs."""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.store import Change, DropBlob, PutBlob, Store
from airflow_provider_bedrock_rft.emulator.training.grading import Grader, Grades, Rollout
from airflow_provider_bedrock_rft.emulator.training.plan import Schedule, TrainingPlan, make_schedule
from airflow_provider_bedrock_rft.emulator.training.records import DatasetRejection, TrainingRecord, read_records
from airflow_provider_bedrock_rft.emulator.training.state import (
    KIND,
    Failure,
    HeldOutScore,
    JobFailure,
    JobListener,
    Level,
    Phase,
    PhaseChange,
    RunRecord,
    RunState,
    StepMetrics,
    parse_run,
)
from airflow_provider_bedrock_rft.emulator.training.worker import Worker, WorkerDied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.exchange import Json

LOGGER = logging.getLogger(__name__)
HONEST = (
    "This model is local-sim, a small log-linear policy and not a language model: "
    "it really learns from the rewards, but its quality says nothing about the model on AWS."
)
FLAT = (
    "{flat} of {total} steps had no reward variance within any group, so there was little to learn from: "
    "either the grader gives every completion the same reward, or local-sim cannot express answers that it rewards."
)


class Disturbances(Protocol):
    """Faults that tests and users have ordered for training."""

    async def at_step(self, job_id: str, step: int) -> None:
        """Delay the step, or raise JobFailure."""
        ...

    def grader_error(self, job_id: str, step: int) -> str:
        """What the grader fails with in this step; empty where it is to be called."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run shares with the others."""

    store: Store
    listener: JobListener
    clock: EmulatorClock
    disturbances: Disturbances
    folder: Path
    worker_command: tuple[str, ...] = ()


class TrainingRun:
    """A job from validation to its end; every method may be cancelled at any await."""

    def __init__(self, plan: TrainingPlan, state: RunState, around: Surroundings, grader: Grader) -> None:
        self.plan = plan
        self.state = state
        self._around = around
        self._grader = grader

    async def enter(self, phase: Phase, *others: Change) -> None:
        """Start a phase and make that durable; a final one also forgets what only a restart would need."""
        self.state.phase = phase
        self.state.phases.append(PhaseChange(phase=phase, at=self._around.clock.now()))
        changes = [*others, *self._around.listener.phase_changed(self.plan, self.state), self._record()]
        if phase.is_final:
            changes += [DropBlob(name=name) for name in self._snapshot_names()]
        await self._around.store.commit(*changes)
        if phase.is_final:
            for path in self._datasets():
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def fail(self, failure: JobFailure) -> None:
        """End the job in failure."""
        self.state.failure = Failure(code=failure.code, message=failure.message[:2000], param=failure.param)
        await self.enter(Phase.FAILED, *self._say("failed", failure.message[:2000], "error"))

    async def cancel(self) -> None:
        """End the job because its owner asked for it."""
        await self.enter(Phase.CANCELLED, *self._say("cancelled", "The job was cancelled."))

    async def validate(self) -> None:
        """Read the file once; the job is queued when nothing is wrong with it."""
        await self._around.clock.sleep(self.plan.settings.validating_seconds)
        records, n_validation = await self._read()
        n_records = len(records) - n_validation
        total = make_schedule(self.plan, n_records, n_validation).total_steps
        if not total:
            raise JobFailure(
                "invalid_hyperparameters",
                f"batch_size {self.plan.batch_size} is larger than the {n_records} records leave for training",
                "method.reinforcement.hyperparameters.batch_size",
            )
        self.state.n_records = n_records
        self.state.total_steps = total
        await self.enter(Phase.QUEUED, *self._say("validated", f"The training file is valid: {n_records} records."))

    async def train(self) -> None:
        """Train from the last snapshot, or from the start, to the end."""
        records, n_validation = await self._read()
        schedule = make_schedule(self.plan, len(records) - n_validation, n_validation)
        if self.state.phase is Phase.QUEUED:
            await self._around.clock.sleep(self.plan.settings.queued_seconds)
            await self.enter(Phase.RUNNING, *self._say("started", f"Training started: {schedule.total_steps} steps."))
        n_restarts = 0
        while True:
            try:
                await self._work(records, schedule)
                break
            except WorkerDied as death:
                n_restarts += 1
                if n_restarts > self.plan.settings.max_worker_restarts:
                    raise
                await self._go_back(death, n_restarts)
        await self._finish(schedule)

    async def _work(self, records: Sequence[TrainingRecord], schedule: Schedule) -> None:
        """All steps that are left, with one worker."""
        async with Worker(self._around.worker_command) as worker:
            await worker.ask(self._init_command(records))
            if not self.state.held_out:
                await self._evaluate(worker, records, schedule)
            while self.state.step < schedule.total_steps:
                await self._step(worker, records, schedule)

    async def _go_back(self, death: WorkerDied, n_restarts: int) -> None:
        """To the last snapshot, as a new process would."""
        stored = self._around.store.get(KIND, "", self.plan.job_id)
        if stored is None:
            raise death
        lost, self.state = self.state.step, parse_run(stored).state
        LOGGER.warning("job %s: %s Training goes on after step %d.", self.plan.job_id, death, self.state.step)
        text = f"The training worker was lost in step {lost + 1}; training goes on after step {self.state.step}."
        await self._around.store.commit(*self._say(f"worker-{lost}-{n_restarts}", text, "warn"))

    async def _step(self, worker: Worker, records: Sequence[TrainingRecord], schedule: Schedule) -> None:
        step = self.state.step + 1
        await self._around.disturbances.at_step(self.plan.job_id, step)
        await self._around.clock.sleep(self.plan.settings.step_seconds)
        prompts = schedule.batches[step - 1]
        size = self.plan.settings.group_size
        sampled = await worker.ask({"cmd": "sample", "ids": prompts, "group_size": size, "step": step})
        rollouts = [
            [_rollout(records[index], f"{step}:{place}", item) for place, item in enumerate(group)]
            for index, group in zip(prompts, sampled["completions"], strict=True)
        ]
        grades = await self._graded([rollout for group in rollouts for rollout in group], step)
        rewards = [[grades.rewards.get(rollout.rollout_id) for rollout in group] for group in rollouts]
        checkpoint = schedule.is_checkpoint(step)
        keep = checkpoint or step % self.plan.settings.snapshot_interval == 0
        updated = await worker.ask({"cmd": "update", "rewards": rewards, "snapshot": keep})
        self._count(rewards, sampled["completions"], grades)
        changes = [*self._complaints(grades), *self._metrics(rewards, sampled["completions"], updated["metrics"])]
        if checkpoint:
            changes += await self._checkpoint(worker, records, schedule, updated)
        await self._around.store.commit(*changes, *(self._snapshot(updated) if keep else ()))
        self._give_up_on_a_broken_grader(grades)

    async def _graded(self, rollouts: Sequence[Rollout], step: int) -> Grades:
        problem = self._around.disturbances.grader_error(self.plan.job_id, step)
        return Grades(problems=[problem]) if problem else await self._grader.grade(rollouts)

    def _count(self, rewards: list[list[float | None]], groups: list[list[Json]], grades: Grades) -> None:
        self.state.step += 1
        self.state.trained_tokens += sum(item["tokens"] for group in groups for item in group)
        self.state.n_flat_steps += all(len(set(group) - {None}) <= 1 for group in rewards)
        self.state.n_bad_steps_in_a_row = self.state.n_bad_steps_in_a_row + 1 if grades.problems else 0

    def _metrics(self, rewards: list[list[float | None]], groups: list[list[Json]], metrics: Json) -> Sequence[Change]:
        known = [reward for group in rewards for reward in group if reward is not None]
        if not known:
            return ()
        lengths = [item["tokens"] for group in groups for item in group]
        report = StepMetrics(
            step=self.state.step,
            total_steps=self.state.total_steps,
            rewards_mean=sum(known) / len(known),
            pg_loss=metrics["actor_pg_loss"],
            entropy=metrics["actor_entropy"],
            grad_norm=metrics["actor_grad_norm"],
            advantages_mean=metrics["critic_advantages_mean"],
            response_length_mean=sum(lengths) / len(lengths),
        )
        return tuple(self._around.listener.stepped(self.plan, report))

    def _complaints(self, grades: Grades) -> Sequence[Change]:
        if not grades.problems:
            return ()
        step, total = self.state.step, self.state.total_steps
        return self._say(f"grader-{step}", f"Step {step}/{total}: the grader failed: {grades.problems[0]}", "error")

    def _give_up_on_a_broken_grader(self, grades: Grades) -> None:
        if self.plan.settings.grader_errors == "zero":
            return
        if self.state.n_bad_steps_in_a_row >= self.plan.settings.max_bad_steps:
            raise JobFailure(
                "grader_error",
                f"The grader failed in {self.state.n_bad_steps_in_a_row} steps in a row; at last: {grades.problems[0]}",
                "method.reinforcement.grader",
            )

    async def _checkpoint(
        self, worker: Worker, records: Sequence[TrainingRecord], schedule: Schedule, updated: Json
    ) -> list[Change]:
        await self._evaluate(worker, records, schedule)
        self.state.weights = f"weights/{self.plan.job_id}/{self.state.step}"
        return [
            PutBlob(name=self.state.weights, data=base64.b64decode(updated["weights"])),
            *self._around.listener.reached_checkpoint(self.plan, self.state, self.state.weights),
        ]

    async def _evaluate(self, worker: Worker, records: Sequence[TrainingRecord], schedule: Schedule) -> None:
        if not schedule.held_out:
            return
        answered = await worker.ask({"cmd": "evaluate", "ids": schedule.held_out})
        rollouts = [
            _rollout(records[index], f"{self.state.step}:held-out", item)
            for index, item in zip(schedule.held_out, answered["completions"], strict=True)
        ]
        rewards = (await self._grader.grade(rollouts)).rewards
        mean = sum(rewards.values()) / len(rewards) if rewards else None
        self.state.held_out.append(HeldOutScore(step=self.state.step, reward_mean=mean, n_records=len(rewards)))

    async def _finish(self, schedule: Schedule) -> None:
        flat, total = self.state.n_flat_steps, schedule.total_steps
        warning = self._say("flat", FLAT.format(flat=flat, total=total), "warn") if flat > 0.9 * total else ()
        await self.enter(Phase.SUCCEEDED, *warning, *self._say("succeeded", "The job completed successfully."))

    def _init_command(self, records: Sequence[TrainingRecord]) -> Json:
        store, settings = self._around.store, self.plan.settings
        weights, optimizer = (store.blob(name) for name in self._snapshot_names())
        initial = store.blob(self.plan.initial_weights) if self.plan.initial_weights else None
        return {
            "cmd": "init",
            "prompts": [record.messages for record in records],
            "seed": self.plan.seed,
            "learning_rate": self.plan.learning_rate_multiplier,
            "kl": settings.kl,
            "inner_steps": settings.inner_steps,
            "max_completion_tokens": settings.max_completion_tokens,
            "weights": _text(weights or initial),
            "reference": _text(initial),
            "optimizer": _text(optimizer),
        }

    def _snapshot(self, updated: Json) -> list[Change]:
        weights, optimizer = self._snapshot_names()
        return [
            PutBlob(name=weights, data=base64.b64decode(updated["weights"])),
            PutBlob(name=optimizer, data=base64.b64decode(updated["optimizer"])),
            self._record(),
        ]

    def _snapshot_names(self) -> tuple[str, str]:
        return f"snapshot/{self.plan.job_id}/weights", f"snapshot/{self.plan.job_id}/optimizer"

    def _record(self) -> Change:
        return RunRecord(plan=self.plan, state=self.state).to_change()

    def _say(self, key: str, text: str, level: Level = "info") -> tuple[Change, ...]:
        return tuple(self._around.listener.said(self.plan, key, level, text))

    def _datasets(self) -> list[Path]:
        return [self._around.folder / name for name in (self.plan.dataset, self.plan.validation) if name]

    async def _read(self) -> tuple[list[TrainingRecord], int]:
        """The training records followed by the validation records, and how many the latter are."""
        settings = self.plan.settings
        records: list[TrainingRecord] = []
        n_training = 0
        for number, path in enumerate(self._datasets()):
            least = 1 if number else settings.min_records
            try:
                records += await asyncio.to_thread(
                    read_records, path, min_records=least, max_records=settings.max_records
                )
            except DatasetRejection as rejection:
                which = "validation" if number else "training"
                raise JobFailure(f"invalid_{which}_file", str(rejection), f"{which}_file") from rejection
            n_training = n_training or len(records)
        return records, len(records) - n_training


def _rollout(record: TrainingRecord, place: str, item: Json) -> Rollout:
    return Rollout(rollout_id=f"{record.record_id}:{place}", record=record, completion=item["text"])


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")
