"""Evaluation jobs: responses made elsewhere, or made by a model on the spot, scored by metrics; no human work."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused
from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.completion import Question
from airflow_provider_bedrock_rft.emulator.bedrock.errands import Errands, JobParts
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, conflict
from airflow_provider_bedrock_rft.emulator.bedrock.evaluation_records import RecordRefused, read_records
from airflow_provider_bedrock_rft.emulator.bedrock.evaluation_request import (
    Responder,
    check,
    document_of,
    judges_of,
    responders_of,
    summary_of,
)
from airflow_provider_bedrock_rft.emulator.bedrock.inputs import SERVICE, S3Place, place_of
from airflow_provider_bedrock_rft.emulator.bedrock.listing import Listing
from airflow_provider_bedrock_rft.emulator.bedrock.plane import not_emulated
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf
from airflow_provider_bedrock_rft.emulator.bedrock.tags import tagged
from airflow_provider_bedrock_rft.emulator.exchange import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.aws.service_role import ServiceRole
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Answer, Call
    from airflow_provider_bedrock_rft.emulator.bedrock.evaluation_metrics import Metric
    from airflow_provider_bedrock_rft.emulator.bedrock.evaluation_records import EvaluationRecord
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.store import Store

LOGGER = logging.getLogger(__name__)
EVALUATION = "native-evaluation"
_OPEN, _ENDED = "open", "ended"
_LISTING = Listing(
    member="jobSummaries",
    arn="jobArn",
    name="jobName",
    equals={"statusEquals": "status", "applicationTypeEquals": "applicationType"},
)


def evaluation_shelf(store: Store) -> Shelf:
    """Where evaluation jobs stand."""
    return Shelf(store, EVALUATION, "evaluation job", "jobArn", "jobName")


class EvaluationJobs:
    """Create, get, list, stop and delete; a job that a kill interrupts is begun again and writes the same files."""

    def __init__(self, parts: JobParts) -> None:
        self._parts = parts
        self._shelf = parts.shelf
        self._errands = Errands()

    @serves(
        "CreateEvaluationJob",
        "documented",
        "automated evaluation of models: responses from the dataset (`precomputedInferenceSource`) or of a base model; "
        "`Builtin.Accuracy` counts words (ours), judge and custom metrics really ask the evaluator model, and a "
        "model of the emulator answers as its documented judge; knowledge bases and human work are answered with 501",
    )
    async def create(self, call: Call) -> Answer:
        """Accept a job; what can only be told from its data and its role fails it later."""
        if "automated" not in call.params["evaluationConfig"] or "models" not in call.params["inferenceConfig"]:
            return not_emulated("An evaluation by humans or of a knowledge base")
        async with self._parts.receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            if self._shelf.has_name(call.owner, call.params["jobName"]):
                raise conflict("The provided job name is currently in use.")
            check(call, self._parts.completions)
            job = document_of(call, self._parts.clock.now())
            answer = {"jobArn": job["jobArn"]}
            changes = (
                *self._shelf.add(call.owner, job, label=_OPEN),
                *tagged(call.owner, job["jobArn"], call.params.get("jobTags")),
            )
            await self._shelf.store.commit(*changes, *self._parts.receipts.receipt(call, answer))
        self._start(call.owner, job)
        return answer

    @serves("GetEvaluationJob", "documented", "by ARN")
    async def get(self, call: Call) -> Json:
        """One job."""
        job = self._shelf.known(call.owner, call.params["jobIdentifier"])
        answer: Json = project(call.operation.output_shape, job)
        return answer

    @serves("ListEvaluationJobs", "documented", "all filters, both orders; pages of at most five, as the model says")
    async def list(self, call: Call) -> Json:
        """Jobs of this owner."""
        return _LISTING.answer(call, self._parts.clock.now(), [summary_of(job) for job in self._shelf.all(call.owner)])

    @serves("StopEvaluationJob", "documented", "`Stopped` at once (ours); nothing more is written")
    async def stop(self, call: Call) -> Json:
        """End a job that runs."""
        arn = self._shelf.known(call.owner, call.params["jobIdentifier"])["jobArn"]
        await self._errands.stop(arn)
        job = self._shelf.known(call.owner, arn)
        if job["status"] != "InProgress":
            raise conflict(f"The job {job['jobName']} cannot be stopped: its status is {job['status']}.")
        await self._save(call.owner, job, "Stopped")
        return {}

    @serves("BatchDeleteEvaluationJob", "documented", "jobs that have ended; they are gone at once (ours)")
    async def delete(self, call: Call) -> Json:
        """Forget some jobs."""
        answer: Json = {"errors": [], "evaluationJobs": []}
        for arn in dict.fromkeys(call.params["jobIdentifiers"]):
            job = self._shelf.find(call.owner, arn)
            if job is None or job["status"] == "InProgress":
                code, why = ("404", "could not be found") if job is None else ("409", "is still in progress")
                message = f"The evaluation job {arn} {why}."
                answer["errors"].append({"jobIdentifier": arn, "code": code, "message": message})
                continue
            await self._shelf.store.commit(*self._shelf.remove(call.owner, job))
            answer["evaluationJobs"].append({"jobIdentifier": arn, "jobStatus": "Deleting"})
        return answer

    def resume(self) -> None:
        """Begin interrupted jobs again."""
        for job in self._shelf.labelled(_OPEN):
            region, account = job["jobArn"].split(":")[3:5]
            self._start(f"{account}/{region}", job)

    async def close(self) -> None:
        """Let go of all jobs; the next process begins them again."""
        await self._errands.close()

    def _start(self, owner: str, job: Json) -> None:
        self._errands.start(job["jobArn"], self._run(owner, job))

    async def _run(self, owner: str, job: Json) -> None:
        try:
            await self._evaluate(owner, job)
            await self._save(owner, job, "Completed")
        except (AccessRefused, BedrockError, RecordRefused, LookupError) as error:
            await self._save(owner, job, "Failed", str(error))
        except Exception:  # -- nobody awaits the task, and the job must not run for ever
            LOGGER.exception("the evaluation job %s broke", job["jobArn"])
            await self._save(owner, job, "Failed", "An internal error.")

    async def _evaluate(self, owner: str, job: Json) -> None:
        account = owner.partition("/")[0]
        plane = await self._parts.aws.plane()
        role = plane.assume(job["roleArn"], service=SERVICE, account=account, source_arn=job["jobArn"])
        responders = responders_of(owner, job, self._parts.completions)
        judged = judges_of(owner, job, self._parts.completions)
        output = place_of(job["outputDataConfig"]["s3Uri"])
        role.require("s3:PutObject", output.below(job["jobName"]).arn)
        for arn in sorted({arn for metrics in judged for arn in _asked(metrics, responders)}):
            role.require("bedrock:InvokeModel", arn)
        for dataset, metrics in zip(_datasets(job), judged, strict=True):
            name = dataset["dataset"]["name"]
            body = _fetch(plane, role, account, place_of(dataset["dataset"]["datasetLocation"]["s3Uri"]))
            sources = frozenset(responder.name for responder in responders if responder.policy is None)
            records = read_records(body, name, sources)
            for responder in responders:
                lines = [await self._line(record, responder, metrics) for record in records]
                place = output.below(_key(job, responder, dataset))
                await plane.write_object(account, place.bucket, place.key, b"\n".join(lines) + b"\n")

    async def _line(self, record: EvaluationRecord, responder: Responder, metrics: Sequence[Metric]) -> bytes:
        completions = self._parts.completions
        if responder.policy is None:
            response = record.responses[responder.name]
        else:
            asked = [{"role": "user", "content": record.prompt}]
            question = Question(messages=asked, temperature=0.0, max_tokens=None, stop=())
            response = (await completions.complete(responder.policy, question)).text
        scores = [await metric.score(record, response, completions) for metric in metrics]
        return encode(
            {
                "automatedEvaluationResult": {"scores": scores},
                "inputRecord": record.given,
                "modelResponses": [{"response": response, "modelIdentifier": responder.name}],
            }
        )

    async def _save(self, owner: str, job: Json, status: str, why: str = "") -> None:
        job.update(status=status, lastModifiedTime=self._parts.clock.now())
        if why:
            job["failureMessages"] = [why[:2048]]
        await self._shelf.store.commit(self._shelf.update(owner, job, label=_ENDED))


def _datasets(job: Json) -> Sequence[Json]:
    datasets: Sequence[Json] = job["evaluationConfig"]["automated"]["datasetMetricConfigs"]
    return datasets


def _asked(metrics: Sequence[Metric], responders: Sequence[Responder]) -> set[str]:
    """The ARNs of the models that the role will be used to invoke."""
    judges = {metric.judge.arn for metric in metrics if metric.judge is not None}
    return judges | {responder.arn for responder in responders if responder.policy is not None}


def _fetch(plane: AwsPlane, role: ServiceRole, account: str, place: S3Place) -> bytes:
    role.require("s3:GetObject", place.arn)
    body = plane.read_object(account, place.bucket, place.key)
    if body is None:
        raise LookupError(f"The dataset s3://{place.bucket}/{place.key} does not exist.")
    return body


def _key(job: Json, responder: Responder, dataset: Json) -> str:
    """Where results go; the same for the same job, so that a job begun again leaves no second file."""
    name, task = dataset["dataset"]["name"], dataset["taskType"]
    model = responder.name.rpartition("/")[2]
    file = uuid.uuid5(uuid.NAMESPACE_URL, f"{job['jobArn']}/{model}/{task}/{name}")
    folder = f"{job['jobName']}/{job['uuid']}/models/{model}/taskTypes/{task}/datasets/{name}"
    return f"{folder}/{file}_output.jsonl"
