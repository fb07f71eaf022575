"""``/v1/fine_tuning/jobs``."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, encode
from airflow_provider_bedrock_rft.emulator.mantle.body import page_limit, page_reply, read_object
from airflow_provider_bedrock_rft.emulator.mantle.creation import GRADER, Creation, parse_creation
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, invalid_value
from airflow_provider_bedrock_rft.emulator.mantle.files import KIND as FILE
from airflow_provider_bedrock_rft.emulator.mantle.listener import CHECKPOINT, EVENT, JOB, PLANE, STATUS
from airflow_provider_bedrock_rft.emulator.store import Page, Put, Store
from airflow_provider_bedrock_rft.emulator.training.engine import NotRunning, TrainingEngine
from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.mantle.files import Files
    from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings

DATASETS = "datasets"
_MAX_PAGE = 1_000


class FunctionDirectory(Protocol):
    """Knows which functions there are."""

    async def exists(self, function: str, *, account: str, region: str) -> bool:
        """True when the function, version or alias is there."""
        ...


class Jobs:
    """Fine-tuning jobs, their events and checkpoints."""

    def __init__(
        self,
        *,
        store: Store,
        clock: EmulatorClock,
        files: Files,
        engine: TrainingEngine,
        functions: FunctionDirectory,
        settings: Callable[[], TrainingSettings],
        folder: Path,
        seed: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._files = files
        self._engine = engine
        self._functions = functions
        self._settings = settings
        self._folder = folder
        self._seed = seed
        (folder / DATASETS).mkdir(parents=True, exist_ok=True)

    async def route(self, request: Request, segments: list[str]) -> Reply | None:  # noqa: PLR0911 -- a table
        """Answer a request below ``/v1/fine_tuning``; None where there is no such operation."""
        match request.method, segments:
            case "GET", ["jobs", job_id]:
                return Reply(body=self._known(request, job_id))
            case "POST", ["jobs"]:
                return await self._create(request)
            case "GET", ["jobs"]:
                return self._list(request)
            case "POST", ["jobs", job_id, "cancel"]:
                return await self._cancel(request, job_id)
            case "GET", ["jobs", job_id, "events"]:
                return self._of_job(request, job_id, EVENT, default=20)
            case "GET", ["jobs", job_id, "checkpoints"]:
                return self._of_job(request, job_id, CHECKPOINT, default=10)
            case _:
                return None

    async def _create(self, request: Request) -> Reply:
        creation = parse_creation(read_object(request), region=request.region)
        if self._store.get(FILE, request.owner, creation.training_file) is None:
            raise _unknown_file(creation.training_file)
        if not await self._functions.exists(creation.function, account=request.account, region=request.region):
            raise invalid_value(f"{GRADER}.lambda.function", f"the function {creation.function} does not exist")
        job_id = f"ftjob-{uuid.uuid4()}"
        plan = self._plan(request, job_id, creation)
        try:
            await asyncio.to_thread(keep, self._files.path(creation.training_file), self._folder / plan.dataset)
        except FileNotFoundError:
            raise _unknown_file(creation.training_file) from None
        body = encode(self._document(request, plan, creation))
        await self._engine.submit(plan, Put(kind=JOB, owner=request.owner, id=job_id, body=body))
        return Reply(body=body)

    def _plan(self, request: Request, job_id: str, creation: Creation) -> TrainingPlan:
        settings = self._settings()
        given = creation.hyperparameters
        return TrainingPlan(
            job_id=job_id,
            plane=PLANE,
            account=request.account,
            region=request.region,
            model=creation.model,
            function=creation.function,
            dataset=f"{DATASETS}/{job_id}",
            n_epochs=given.n_epochs,
            batch_size=given.batch_size,
            learning_rate_multiplier=given.learning_rate_multiplier,
            seed=self._seed if creation.seed is None else creation.seed,
            settings=replace(settings, group_size=max(2, round(settings.group_size * given.compute_multiplier))),
        )

    def _document(self, request: Request, plan: TrainingPlan, creation: Creation) -> Json:
        return {
            "id": plan.job_id,
            "object": "fine_tuning.job",
            "created_at": int(self._clock.now()),
            "finished_at": None,
            "estimated_finish": None,
            "model": plan.model,
            "fine_tuned_model": None,
            "organization_id": request.account,
            "status": "validating_files",
            "training_file": creation.training_file,
            "validation_file": None,
            "result_files": [],
            "seed": plan.seed,
            "trained_tokens": None,
            "integrations": None,
            "metadata": creation.metadata,
            "hyperparameters": {
                "n_epochs": plan.n_epochs,
                "batch_size": plan.batch_size,
                "learning_rate_multiplier": plan.learning_rate_multiplier,
            },
            "method": creation.method,
            "error": None,
        }

    def _list(self, request: Request) -> Reply:
        page = self._store.page(
            JOB,
            request.owner,
            after=request.query.get("after"),
            limit=page_limit(request, default=20, most=_MAX_PAGE),
        )
        if request.stale_seconds:
            page = self._as_it_was(page, self._clock.now() - request.stale_seconds)
        return page_reply(page)

    def _as_it_was(self, page: Page, time: float) -> Page:
        """The page with each job as it stood at ``time``, and without those that were not there yet."""
        bodies = []
        for body in page.bodies:
            job = json.loads(body)
            run = self._engine.find(job["id"])
            phase = run.state.phase_at(time) if run else None
            if phase is None:
                continue
            if not phase.is_final:
                job.update(
                    status=STATUS[phase], finished_at=None, fine_tuned_model=None, trained_tokens=None, error=None
                )
            bodies.append(encode(job))
        return Page(bodies=tuple(bodies), has_more=page.has_more)

    async def _cancel(self, request: Request, job_id: str) -> Reply:
        self._known(request, job_id)
        try:
            await self._engine.cancel(job_id)
        except NotRunning:
            status = json.loads(self._known(request, job_id))["status"]
            raise MantleError(f"The job {job_id} has ended already: {status}", code="invalid_job_state") from None
        return Reply(body=self._known(request, job_id))

    def _of_job(self, request: Request, job_id: str, kind: str, *, default: int) -> Reply:
        self._known(request, job_id)
        limit = page_limit(request, default=default, most=_MAX_PAGE)
        return page_reply(self._store.page(kind, job_id, after=request.query.get("after"), limit=limit))

    def _known(self, request: Request, job_id: str) -> bytes:
        body = self._store.get(JOB, request.owner, job_id)
        if body is None:
            raise MantleError(
                f"Could not find fine-tuning job: {job_id}", status=404, code="not_found", param="fine_tuning_job_id"
            )
        return body


def keep(file: Path, place: Path) -> None:
    """The job's own hold on its training file, which may be deleted while the job waits."""
    try:
        os.link(file, place)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copyfile(file, place)


def _unknown_file(file_id: str) -> MantleError:
    return MantleError(f"The file '{file_id}' does not exist", code="file_not_found", param="training_file")
