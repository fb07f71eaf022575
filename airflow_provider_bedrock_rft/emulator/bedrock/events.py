"""State changes as EventBridge events, delivered by the mounted service; best effort, as documented."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

LOGGER = logging.getLogger(__name__)
_DETAIL_TYPE = "Model Customization Job State Change"
_BATCH_DETAIL_TYPE = "Batch Inference Job State Change"
_COPIED = ("jobName", "jobArn", "outputModelName", "outputModelArn", "roleArn", "baseModelArn", "trainingDataConfig")
_TIMES = ("creationTime", "lastModifiedTime", "endTime")


class StateChanges:
    """Tells the default event bus what became of a job."""

    def __init__(self, aws: AwsMount) -> None:
        self._aws = aws

    async def tell(self, owner: str, job: Json) -> None:
        """Put one event about a customization job; a bus that cannot be reached loses it."""
        await self._put(owner, _DETAIL_TYPE, job, detail_of(job))

    async def tell_batch(self, owner: str, job: Json) -> None:
        """Put one event about a batch inference job."""
        await self._put(owner, _BATCH_DETAIL_TYPE, job, batch_detail_of(job))

    async def _put(self, owner: str, detail_type: str, job: Json, detail: Json) -> None:
        account, region = owner.split("/")
        entry = {
            "Source": "aws.bedrock",
            "DetailType": detail_type,
            "Resources": [job["jobArn"]],
            "Time": job["lastModifiedTime"],
            "Detail": json.dumps(detail),
        }
        try:
            await (await self._aws.plane()).put_event(account, region, entry)
        except Exception:  # -- the job must not break on the bus, whatever the mounted implementation raises
            LOGGER.exception("the event of %s was lost", job["jobArn"])


def detail_of(job: Json) -> Json:
    """The event's detail."""
    validators = job["validationDataConfig"]["validators"]
    return {
        "version": "0.0",
        **{name: job[name] for name in _COPIED if job.get(name)},
        **{name: _text(job[name]) for name in _TIMES if job.get(name)},
        "jobStatus": job["status"],
        "failureMessage": job.get("failureMessage") or "",
        "hyperParameters": job.get("hyperParameters") or {},
        "validationDataConfig": {"s3Uri": validators[0]["s3Uri"]} if validators else {},
        "outputDataConfig": job["outputDataConfig"],
    }


def batch_detail_of(job: Json) -> Json:
    """The detail of an event about a batch inference job."""
    moment = datetime.fromtimestamp(job["submitTime"], tz=timezone.utc)
    return {
        "version": "0.0",
        "accountId": job["jobArn"].split(":")[4],
        "batchJobName": job["jobName"],
        "batchJobArn": job["jobArn"],
        "batchModelId": job["modelId"],
        "status": job["status"],
        "failureMessage": job.get("message") or "",
        "creationTime": f"{moment:%b} {moment.day}, {moment:%Y, %I:%M:%S %p}",
    }


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
