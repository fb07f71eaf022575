"""What is done for a job behind its back: preparing it, stopping it, and handing over what it made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused
from airflow_provider_bedrock_rft.emulator.bedrock.artefacts import (
    TRAINING_KEY,
    VALIDATION_KEY,
    folder_of,
    parse_steps,
    training_csv,
    validation_csv,
)
from airflow_provider_bedrock_rft.emulator.bedrock.book import JobBook, Stage, with_details
from airflow_provider_bedrock_rft.emulator.bedrock.custom_models import CustomModels, ModelNames
from airflow_provider_bedrock_rft.emulator.bedrock.events import StateChanges
from airflow_provider_bedrock_rft.emulator.bedrock.inputs import fetch, place_of
from airflow_provider_bedrock_rft.emulator.bedrock.job_creation import plan_of
from airflow_provider_bedrock_rft.emulator.bedrock.listener import STEP, running_part
from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.mounting import AwsMount
from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings
from airflow_provider_bedrock_rft.emulator.store import Change, Store
from airflow_provider_bedrock_rft.emulator.training.engine import NotRunning, TrainingEngine
from airflow_provider_bedrock_rft.emulator.training.state import JobFailure, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan
    from airflow_provider_bedrock_rft.emulator.training.state import HeldOutScore, StepMetrics

LOGGER = logging.getLogger(__name__)
_MAX_STEPS = 1_000_000
_STOPPING_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the work is done with."""

    store: Store
    clock: EmulatorClock
    book: JobBook
    engine: TrainingEngine
    aws: AwsMount
    changes: StateChanges
    settings: Callable[[], TrainingSettings]
    folder: Path
    seed: int
    models: CustomModels
    names: ModelNames


class JobWork:
    """One task per job and errand; what a kill interrupts is begun again."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def prepare(self, owner: str, arn: str) -> None:
        """Fetch the job's data and hand it to the engine, or fail it."""
        self._start("prepare", arn, self._prepare(owner, arn))

    def stop(self, arn: str) -> None:
        """End a job that is to be stopped."""
        self._start("stop", arn, self._stop(arn))

    def finish(self, owner: str, arn: str) -> None:
        """Hand over what a job made that the engine is done with."""
        self._start("finish", arn, self._finish(owner, arn))

    def resume(self) -> None:
        """Go on with what a former process left."""
        shelf = self._around.book.shelf
        for job in shelf.labelled(Stage.PREPARING.value):
            self.prepare(_owner(job), job["jobArn"])
        for stage in (Stage.PREPARING, Stage.TRAINING):
            for job in shelf.labelled(stage.value):
                if job["status"] == "Stopping":
                    self.stop(job["jobArn"])
        for job in shelf.labelled(Stage.FINISHING.value):
            self.finish(_owner(job), job["jobArn"])

    async def close(self) -> None:
        """Let go of all errands; the next process begins them again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, errand: str, arn: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._watched(work, arn), name=f"{errand}-{arn}")
        self._tasks[(errand, arn)] = task
        task.add_done_callback(lambda done: self._forget((errand, arn), done))

    def _forget(self, key: tuple[str, str], done: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is done:
            del self._tasks[key]

    async def _watched(self, work: Coroutine[None, None, None], arn: str) -> None:
        try:
            await work
        except Exception:  # -- nobody awaits the task: without this the error would be silent
            LOGGER.exception("the work for %s broke", arn)

    async def _prepare(self, owner: str, arn: str) -> None:
        job = self._around.book.latest(owner, arn)
        if job is None:
            return
        account, region = owner.split("/")
        plane = await self._around.aws.plane()
        try:
            data = await fetch(plane, job, account=account)
        except (AccessRefused, JobFailure) as error:
            await self._end(owner, job, "Failed", why=str(error))
            return
        except Exception as error:  # -- policies and logs are the user's text; whatever is wrong ends the job
            LOGGER.exception("the data of %s cannot be fetched", arn)
            await self._end(owner, job, "Failed", why=f"The job's data cannot be fetched: {error}")
            return
        plan = plan_of(job, account=account, region=region, seed=self._around.seed, settings=self._around.settings())
        await asyncio.to_thread(self._write, plan, data.training, data.validation)
        await self._around.engine.submit(plan)

    def _write(self, plan: TrainingPlan, training: bytes, validation: bytes | None) -> None:
        path = self._around.folder / plan.dataset
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(training)
        if validation is not None:
            (self._around.folder / plan.validation).write_bytes(validation)

    async def _stop(self, arn: str) -> None:
        await self._around.clock.sleep(_STOPPING_SECONDS)
        if (preparing := self._tasks.get(("prepare", arn))) is not None:
            await asyncio.wait([preparing])
        try:
            await self._around.engine.cancel(arn.rpartition("/")[2])
        except NotRunning:
            return  # it ended by itself, and is or will be handed over

    async def _finish(self, owner: str, arn: str) -> None:
        await self._around.store.commit()  # whatever the engine has just reported is on disk after this
        job = self._around.book.latest(owner, arn)
        if job is None or job["stage"] != Stage.FINISHING.value:
            return
        verdict = Phase(job["verdict"])
        if verdict is Phase.FAILED:
            await self._end(owner, job, "Failed", why=job["why"])
            return
        try:
            await self._write_artefacts(owner, job)
        except (JobFailure, LookupError) as error:
            await self._end(owner, job, "Failed", why=str(error))
            return
        stopped = verdict is Phase.CANCELLED or job["status"] == "Stopping"
        await self._end(owner, job, "Stopped" if stopped else "Completed")

    async def _write_artefacts(self, owner: str, job: Json) -> None:
        account = owner.split("/", maxsplit=1)[0]
        plane = await self._around.aws.plane()
        output = place_of(job["outputDataConfig"]["s3Uri"]).below(folder_of(job["jobId"]))
        stored = self._around.store.page(STEP, job["jobArn"], after=None, limit=_MAX_STEPS, newest_first=False)
        steps = parse_steps(stored.bodies)
        record = self._around.engine.find(job["jobId"])
        n_epochs = 1 if record is None else record.plan.n_epochs
        place = output.below(TRAINING_KEY)
        body = training_csv(steps, n_epochs=n_epochs)
        await plane.write_object(account, place.bucket, place.key, body, content_type="text/csv")
        if record is not None and record.state.held_out:
            place = output.below(VALIDATION_KEY)
            body = validation_csv(record.state.held_out, steps, n_epochs=n_epochs)
            await plane.write_object(account, place.bucket, place.key, body, content_type="text/csv")
        job.update(_last_losses(steps[-1:], record.state.held_out[-1:] if record else []))

    async def _end(self, owner: str, job: Json, status: str, *, why: str = "") -> None:
        members: Json = {"status": status, "stage": Stage.ENDED.value, "endTime": self._around.clock.now()}
        changes: tuple[Change, ...] = ()
        if why:
            details = with_details(job, self._around.clock.now(), **{running_part(job["statusDetails"]): "Failed"})
            members.update(failureMessage=why[:2048], statusDetails=details)
        elif job.get("weights"):
            arn, changes = self._around.models.of_job(owner, job)
            members.update(outputModelArn=arn, customModelArn=arn)
        released = self._around.names.release(owner, job["outputModelName"])
        await self._around.store.commit(self._around.book.write(owner, job, **members), released, *changes)
        self._around.book.forget(job["jobArn"])
        await self._around.changes.tell(owner, job)


def _owner(job: Json) -> str:
    _, _, _, region, account = job["jobArn"].split(":")[:5]
    return f"{account}/{region}"


def _last_losses(steps: Sequence[StepMetrics], scores: Sequence[HeldOutScore]) -> Json:
    losses: Json = {}
    if steps:
        losses["trainingMetrics"] = {"trainingLoss": steps[0].pg_loss}
    if scores and scores[0].reward_mean is not None:
        losses["validationMetrics"] = [{"validationLoss": -scores[0].reward_mean}]
    return losses
