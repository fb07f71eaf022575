"""The training engine: takes plans from any control plane, runs a few at a time, and goes on after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.store import Change, Store
from airflow_provider_bedrock_rft.emulator.training.grading import Functions, Grader
from airflow_provider_bedrock_rft.emulator.training.run import HONEST, Disturbances, Surroundings, TrainingRun
from airflow_provider_bedrock_rft.emulator.training.state import (
    KIND,
    OPEN,
    JobFailure,
    JobListener,
    Phase,
    RunRecord,
    RunState,
    parse_run,
)

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

LOGGER = logging.getLogger(__name__)


class NotRunning(Exception):
    """The job has ended already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What the training engine is made of; see TrainingEngine."""

    store: Store
    functions: Functions
    clock: EmulatorClock
    disturbances: Disturbances
    folder: Path
    listeners: Mapping[str, JobListener]
    slots: int
    worker_command: tuple[str, ...] = ()


class TrainingEngine:
    """All jobs that have not ended. One is validated at a time, ``slots`` train, first come first."""

    def __init__(self, parts: Engine) -> None:
        self._parts = parts
        self._slots = asyncio.Semaphore(parts.slots)
        self._validations = asyncio.Semaphore(1)
        self._runs: dict[str, tuple[TrainingRun, asyncio.Task[None]]] = {}

    async def submit(self, plan: TrainingPlan, *others: Change) -> None:
        """Accept a job; it and ``others`` are on disk when this returns."""
        run = self._run(plan, RunState())
        listener = self._parts.listeners[plan.plane]
        await run.enter(
            Phase.VALIDATING,
            *others,
            *listener.said(plan, "local-sim", "info", HONEST),
            *listener.said(plan, "created", "info", f"Created fine-tuning job: {plan.job_id}"),
        )
        self._start(run)

    async def cancel(self, job_id: str) -> None:
        """Stop a job and its worker.

        Raises:
            NotRunning: it has ended already.
        """
        found = self._runs.get(job_id)
        if found is None or found[0].state.phase.is_final:
            raise NotRunning(job_id)
        run, task = found
        task.cancel()
        await asyncio.wait([task])
        if run.state.phase.is_final:
            raise NotRunning(job_id)
        await run.cancel()

    def resume(self) -> int:
        """Go on with what a former process left; answers how many jobs that is."""
        records = [parse_run(body) for body in self._parts.store.labelled(KIND, OPEN)]
        for record in records:
            LOGGER.info("job %s goes on after step %d", record.plan.job_id, record.state.step)
            self._start(self._run(record.plan, record.state))
        return len(records)

    def find(self, job_id: str) -> RunRecord | None:
        """A job's inside: live if it runs, else as stored."""
        if (found := self._runs.get(job_id)) is not None:
            return RunRecord(plan=found[0].plan, state=found[0].state)
        body = self._parts.store.get(KIND, "", job_id)
        return None if body is None else parse_run(body)

    def open_jobs(self) -> list[RunRecord]:
        """All jobs that have not ended."""
        return [RunRecord(plan=run.plan, state=run.state) for run, _ in self._runs.values()]

    async def close(self) -> None:
        """Let go of all jobs without ending them; the next process goes on from their snapshots."""
        tasks = [task for _, task in self._runs.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _run(self, plan: TrainingPlan, state: RunState) -> TrainingRun:
        parts = self._parts
        around = Surroundings(
            store=parts.store,
            listener=parts.listeners[plan.plane],
            clock=parts.clock,
            disturbances=parts.disturbances,
            folder=parts.folder,
            worker_command=parts.worker_command,
        )
        return TrainingRun(plan, state, around, Grader(parts.functions, plan, parts.clock))

    def _start(self, run: TrainingRun) -> None:
        job_id = run.plan.job_id
        task = asyncio.create_task(self._drive(run), name=f"train-{job_id}")
        self._runs[job_id] = (run, task)
        task.add_done_callback(lambda _: self._runs.pop(job_id, None))

    async def _drive(self, run: TrainingRun) -> None:
        try:
            if run.state.phase is Phase.VALIDATING:
                async with self._validations:
                    await run.validate()
            async with self._slots:
                await run.train()
        except JobFailure as failure:
            await run.fail(failure)
        except Exception as error:  # -- a job that broke has failed; else it would run for ever
            LOGGER.exception("job %s broke", run.plan.job_id)
            await run.fail(JobFailure("server_error", f"{type(error).__name__}: {error}"))
