"""Model customization jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import conflict, invalid, not_found
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import foundation_model
from airflow_provider_bedrock_rft.emulator.bedrock.job_creation import check, document_of
from airflow_provider_bedrock_rft.emulator.bedrock.listing import Listing
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project
from airflow_provider_bedrock_rft.emulator.bedrock.tags import tagged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bedrock_rft.emulator.bedrock.book import JobBook
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.custom_models import ModelNames
    from airflow_provider_bedrock_rft.emulator.bedrock.events import StateChanges
    from airflow_provider_bedrock_rft.emulator.bedrock.foundation import FoundationModel
    from airflow_provider_bedrock_rft.emulator.bedrock.receipts import Receipts
    from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf
    from airflow_provider_bedrock_rft.emulator.bedrock.work import JobWork
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.store import Store

_LISTING = Listing(
    member="modelCustomizationJobSummaries", arn="jobArn", name="jobName", equals={"statusEquals": "status"}
)


class CustomizationJobs:
    """Create, get, list and stop."""

    def __init__(
        self,
        *,
        store: Store,
        clock: EmulatorClock,
        book: JobBook,
        models: Shelf,
        names: ModelNames,
        receipts: Receipts,
        work: JobWork,
        changes: StateChanges,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._models = models
        self._names = names
        self._receipts = receipts
        self._work = work
        self._changes = changes

    @serves(
        "CreateModelCustomizationJob",
        "documented",
        "`REINFORCEMENT_FINE_TUNING` of Nova 2 Lite or of a model made of it; really trains local-sim; the job's "
        "role is evaluated before training; a name in use is refused in the service's own words (observed), with the "
        "code that Airflow's own tests give it",
    )
    async def create(self, call: Call) -> Json:
        """Accept a job; what can only be told from its data and its role fails it later."""
        check(call.params)
        async with self._receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            base, initial = self._base(call)
            self._check_names(call)
            job = document_of(call, base, initial, self._clock.now())
            answer = {"jobArn": job["jobArn"]}
            await self._store.commit(
                *self._book.new(call.owner, job),
                *tagged(call.owner, job["jobArn"], call.params.get("jobTags")),
                self._names.reserve(call.owner, job["outputModelName"]),
                *self._receipts.receipt(call, answer),
            )
        await self._changes.tell(call.owner, job)
        self._work.prepare(call.owner, job["jobArn"])
        return answer

    @serves("GetModelCustomizationJob", "documented", "by ARN or name")
    async def get(self, call: Call) -> Json:
        """One job."""
        job = self._book.shelf.known(call.owner, call.params["jobIdentifier"])
        answer: Json = project(call.operation.output_shape, job)
        return answer

    @serves("ListModelCustomizationJobs", "documented", "all filters, both orders, pages of at most 1,000")
    async def list(self, call: Call) -> Json:
        """Jobs of this owner."""
        now, jobs = self._clock.now(), self._book.shelf.all(call.owner)
        if call.stale_seconds:
            jobs = _as_they_were(jobs, now - call.stale_seconds)
        return _LISTING.answer(call, now, [{**job, "customModelName": job["outputModelName"]} for job in jobs])

    @serves(
        "StopModelCustomizationJob",
        "documented",
        "`Stopping`, then `Stopped`; the last checkpoint, if there is one, becomes the output model (inferred)",
    )
    async def stop(self, call: Call) -> Json:
        """Ask a running job to end."""
        known = self._book.shelf.known(call.owner, call.params["jobIdentifier"])
        job = self._book.latest(call.owner, known["jobArn"])
        if job is None or job["status"] != "InProgress":
            status = known["status"] if job is None else job["status"]
            raise conflict(f"The job {known['jobName']} cannot be stopped: its status is {status}.")
        await self._store.commit(self._book.write(call.owner, job, status="Stopping"))
        await self._changes.tell(call.owner, job)
        self._work.stop(job["jobArn"])
        return {}

    def _base(self, call: Call) -> tuple[FoundationModel, Json | None]:
        identifier = call.params["baseModelIdentifier"]
        initial = self._models.find(call.owner, identifier)
        base = foundation_model(identifier if initial is None else initial["foundationModelArn"])
        if base is None:
            raise not_found("base model", identifier)
        if not base.has_reinforcement:
            raise invalid(f"The model {identifier} does not support reinforcement fine-tuning.")
        return base, initial

    def _check_names(self, call: Call) -> None:
        if self._book.shelf.has_name(call.owner, call.params["jobName"]):
            raise invalid("The provided job name is currently in use.")
        if self._names.is_taken(call.owner, call.params["customModelName"]):
            raise invalid("The provided model name is currently in use.")


def _as_they_were(jobs: Iterable[Json], time: float) -> list[Json]:
    """The jobs that were there at ``time``; one that has ended since is still in progress."""
    return [
        job if job.get("endTime", time) <= time else {**job, "status": "InProgress", "endTime": None}
        for job in jobs
        if job["creationTime"] <= time
    ]
