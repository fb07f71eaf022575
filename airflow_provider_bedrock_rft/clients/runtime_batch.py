"""Batch inference over boto3 bedrock and S3: Converse requests in, Converse replies out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.converse import completion_in, parameters_of
from airflow_provider_bedrock_rft.clients.translate import reading
from airflow_provider_bedrock_rft.core.evaluation.batch import BatchJob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.evaluation.batch import BatchOrder
    from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest, ObjectStore

_OUTPUT = ".jsonl.out"


class BedrockBatch:
    """A :class:`~airflow_provider_bedrock_rft.core.steps.batching.BatchService`."""

    def __init__(self, bedrock: Any, objects: ObjectStore) -> None:  # noqa: ANN401 - boto3's client
        self._bedrock = bedrock
        self._objects = objects

    def questions(self, asks: Sequence[tuple[str, CompletionRequest]]) -> bytes:
        """One JSON line per question."""
        return b"".join(_line_of(record_id, request) for record_id, request in asks)

    def create(self, order: BatchOrder) -> BatchJob:
        """Begin a job; Bedrock answers a repeated token with the job that it made the first time."""
        with reading(f"Create the batch job {order.name}"):
            reply = self._bedrock.create_model_invocation_job(
                jobName=order.name,
                roleArn=order.role_arn,
                modelId=order.model,
                modelInvocationType="Converse",
                clientRequestToken=order.token,
                inputDataConfig={"s3InputDataConfig": {"s3Uri": order.input_uri, "s3InputFormat": "JSONL"}},
                outputDataConfig={"s3OutputDataConfig": {"s3Uri": order.output_uri}},
            )
            return self.get(str(reply["jobArn"]))

    def get(self, job_id: str) -> BatchJob:
        """The job as it is now."""
        with reading(f"Get the batch job {job_id}"):
            reply = self._bedrock.get_model_invocation_job(jobIdentifier=job_id)
            return BatchJob(
                job_id=str(reply["jobArn"]),
                status=str(reply["status"]),
                message=str(reply.get("message") or ""),
                n_done=int(reply.get("processedRecordCount") or 0),
                n_records=int(reply.get("totalRecordCount") or 0),
            )

    def answers(self, order: BatchOrder, job_id: str) -> Iterator[tuple[str, Completion]]:
        """The replies below the folder that Bedrock names after the job."""
        folder = f"{order.output_uri.rstrip('/')}/{job_id.rpartition('/')[2]}/"
        for uri in self._objects.list(folder):
            if uri.endswith(_OUTPUT):
                with reading(f"Read {uri}"):
                    yield from _answers_in(self._objects.get(uri))


def _line_of(record_id: str, request: CompletionRequest) -> bytes:
    asked = {name: value for name, value in parameters_of(request).items() if name != "modelId"}
    return json.dumps({"recordId": record_id, "modelInput": asked}).encode() + b"\n"


def _answers_in(data: bytes) -> Iterator[tuple[str, Completion]]:
    for line in data.splitlines():
        record: Mapping[str, Any] = json.loads(line)
        if "modelOutput" in record:
            yield str(record["recordId"]), completion_in(record["modelOutput"], latency_ms=0.0)
