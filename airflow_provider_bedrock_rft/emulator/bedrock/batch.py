"""Batch inference: JSON lines in, JSON lines out, answered by any base or custom model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused
from airflow_provider_bedrock_rft.emulator.bedrock.batch_records import Counts, answer_lines
from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errands import Errands, JobParts
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, conflict
from airflow_provider_bedrock_rft.emulator.bedrock.inputs import SERVICE, S3Place, place_of
from airflow_provider_bedrock_rft.emulator.bedrock.listing import Listing
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf, new_id
from airflow_provider_bedrock_rft.emulator.bedrock.tags import tagged
from airflow_provider_bedrock_rft.emulator.exchange import encode

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.store import Store

LOGGER = logging.getLogger(__name__)
BATCH = "native-batch"
_OPEN, _ENDED = "open", "ended"
_LISTING = Listing(
    member="invocationJobSummaries",
    arn="jobArn",
    name="jobName",
    created="submitTime",
    equals={"statusEquals": "status"},
    after="submitTimeAfter",
    before="submitTimeBefore",
)
_KEPT = ("jobName", "roleArn", "modelId", "clientRequestToken", "inputDataConfig", "outputDataConfig", "vpcConfig")


def batch_shelf(store: Store) -> Shelf:
    """Where batch jobs stand."""
    return Shelf(store, BATCH, "model invocation job", "jobArn", "jobName")


class BatchJobs:
    """Create, get, list and stop; a job that a kill interrupts is begun again."""

    def __init__(self, parts: JobParts) -> None:
        self._parts = parts
        self._shelf = parts.shelf
        self._errands = Errands()

    @serves("CreateModelInvocationJob", "documented", "base and custom models; no least number of records (ours)")
    async def create(self, call: Call) -> Json:
        """Accept a job."""
        async with self._parts.receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            if self._shelf.has_name(call.owner, call.params["jobName"]):
                raise conflict("The provided job name is currently in use.")
            self._parts.completions.batch_policy(call.owner, call.params["modelId"])
            arn, now = call.arn(f"model-invocation-job/{new_id()}"), self._parts.clock.now()
            job = {
                **{name: call.params[name] for name in _KEPT if name in call.params},
                "jobArn": arn,
                "status": "Submitted",
                "submitTime": now,
                "lastModifiedTime": now,
                "timeoutDurationInHours": call.params.get("timeoutDurationInHours", 24),
                "modelInvocationType": call.params.get("modelInvocationType", "InvokeModel"),
            }
            answer = {"jobArn": arn}
            changes = (
                *self._shelf.add(call.owner, job, label=_OPEN),
                *tagged(call.owner, arn, call.params.get("tags")),
            )
            await self._shelf.store.commit(*changes, *self._parts.receipts.receipt(call, answer))
        await self._parts.changes.tell_batch(call.owner, job)
        self._start(call.owner, job)
        return answer

    @serves("GetModelInvocationJob", "documented", "by ARN or id")
    async def get(self, call: Call) -> Json:
        """One job."""
        job = self._shelf.known(call.owner, call.params["jobIdentifier"])
        answer: Json = project(call.operation.output_shape, job)
        return answer

    @serves("ListModelInvocationJobs", "documented")
    async def list(self, call: Call) -> Json:
        """Jobs of this owner."""
        return _LISTING.answer(call, self._parts.clock.now(), self._shelf.all(call.owner))

    @serves("StopModelInvocationJob", "documented", "`Stopped` at once (ours); nothing is written")
    async def stop(self, call: Call) -> Json:
        """End a job that runs."""
        arn = self._shelf.known(call.owner, call.params["jobIdentifier"])["jobArn"]
        await self._errands.stop(arn)
        job = self._shelf.known(call.owner, arn)
        if "endTime" in job:
            raise conflict(f"The job {job['jobName']} cannot be stopped: its status is {job['status']}.")
        await self._save(call.owner, job, status="Stopped", endTime=self._parts.clock.now())
        return {}

    def resume(self) -> None:
        """Begin interrupted jobs again."""
        for job in self._shelf.labelled(_OPEN):
            region, account = job["jobArn"].split(":")[3:5]
            self._start(f"{account}/{region}", job)

    async def close(self) -> None:
        """Let go of all jobs."""
        await self._errands.close()

    def _start(self, owner: str, job: Json) -> None:
        self._errands.start(job["jobArn"], self._run(owner, job))

    async def _run(self, owner: str, job: Json) -> None:
        try:
            await self._save(owner, job, status="InProgress")
            counts = await self._answer(owner, job)
            status = "Completed" if not counts.n_errors else "PartiallyCompleted"
            await self._save(owner, job, status=status, endTime=self._parts.clock.now(), **counts.members())
        except (AccessRefused, BedrockError, LookupError) as error:
            await self._save(owner, job, status="Failed", message=str(error)[:2048], endTime=self._parts.clock.now())
        except Exception:  # -- nobody awaits the task, and the job must not run for ever
            LOGGER.exception("the batch job %s broke", job["jobArn"])
            await self._save(owner, job, status="Failed", message="An internal error.", endTime=self._parts.clock.now())

    async def _answer(self, owner: str, job: Json) -> Counts:
        account = owner.partition("/")[0]
        plane = await self._parts.aws.plane()
        source = place_of(job["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        target = place_of(job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]).below(
            job["jobArn"].rpartition("/")[2]
        )
        files = _files(plane, job, account, source, target)
        policy = self._parts.completions.batch_policy(owner, job["modelId"])
        total = Counts()
        for name, body in files.items():
            lines, counts = await answer_lines(body, job["modelInvocationType"], policy, self._parts.completions)
            total = total.plus(counts)
            place = target.below(f"{name}.out")
            await plane.write_object(account, place.bucket, place.key, lines)
        place = target.below("manifest.json.out")
        await plane.write_object(account, place.bucket, place.key, encode(total.members()))
        return total

    async def _save(self, owner: str, job: Json, **members: object) -> None:
        job.update(members, lastModifiedTime=self._parts.clock.now())
        label = _ENDED if "endTime" in job else _OPEN
        await self._shelf.store.commit(self._shelf.update(owner, job, label=label))
        await self._parts.changes.tell_batch(owner, job)


def _files(plane: AwsPlane, job: Json, account: str, source: S3Place, target: S3Place) -> dict[str, bytes]:
    """The input files by their names.

    Raises:
        AccessRefused: the role may not; LookupError: there are none.
    """
    role = plane.assume(job["roleArn"], service=SERVICE, account=account, source_arn=job["jobArn"])
    role.require("s3:ListBucket", f"arn:aws:s3:::{source.bucket}")
    role.require("s3:PutObject", target.arn)
    found: dict[str, bytes] = {}
    for key in plane.list_objects(account, source.bucket, source.key):
        if key.endswith(".jsonl"):
            role.require("s3:GetObject", S3Place(source.bucket, key).arn)
            found[key.rpartition("/")[2]] = plane.read_object(account, source.bucket, key) or b""
    if not found:
        raise LookupError(f"There are no .jsonl files at s3://{source.bucket}/{source.key}.")
    return found
