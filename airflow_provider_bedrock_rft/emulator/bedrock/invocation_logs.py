"""Model invocation logging: its configuration, and the records it puts into S3."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.exchange import encode
from airflow_provider_bedrock_rft.emulator.store import Drop, Put, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completed
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

LOGGER = logging.getLogger(__name__)
_KIND = "native-logging"
_ID = "configuration"


class InvocationLogs:
    """One configuration per owner; each invocation becomes an object of its own, soon after it."""

    def __init__(self, store: Store, clock: EmulatorClock, aws: AwsMount) -> None:
        self._store = store
        self._clock = clock
        self._aws = aws
        self._writing: set[asyncio.Task[None]] = set()

    @serves("PutModelInvocationLoggingConfiguration", "documented", "S3 only: CloudWatch is kept and not written to")
    async def put(self, call: Call) -> Json:
        """Log to the bucket from now on."""
        configuration = call.params["loggingConfig"]
        s3 = configuration.get("s3Config")
        if s3 is not None and not (await self._aws.plane()).has_bucket(call.account, s3["bucketName"]):
            raise invalid(f"The bucket {s3['bucketName']} does not exist.")
        await self._store.commit(Put(kind=_KIND, owner=call.owner, id=_ID, body=encode(configuration)))
        return {}

    @serves("GetModelInvocationLoggingConfiguration", "documented")
    async def get(self, call: Call) -> Json:
        """The configuration, if there is one."""
        configuration = self._configuration(call.owner)
        return {} if configuration is None else {"loggingConfig": configuration}

    @serves("DeleteModelInvocationLoggingConfiguration", "documented")
    async def delete(self, call: Call) -> Json:
        """Log no more."""
        await self._store.commit(Drop(kind=_KIND, owner=call.owner, id=_ID))
        return {}

    def note(self, call: Call, asked: Json, answer: Json, done: Completed, metadata: Mapping[str, str] | None) -> None:
        """Write the invocation down, if that is configured; the caller does not wait."""
        configuration = self._configuration(call.owner) or {}
        s3 = configuration.get("s3Config")
        if s3 is None or not configuration.get("textDataDeliveryEnabled", True):
            return
        now = datetime.fromtimestamp(self._clock.now(), tz=timezone.utc)
        record = {
            "schemaType": "ModelInvocationLog",
            "schemaVersion": "1.0",
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "accountId": call.account,
            "identity": {"arn": call.principal},
            "region": call.region,
            "requestId": call.id,
            "operation": call.operation.name,
            "modelId": call.params["modelId"],
            "input": _side("input", asked, done.input_tokens),
            "output": _side("output", answer, done.output_tokens),
        }
        if metadata:
            record["requestMetadata"] = dict(metadata)
        prefix = s3.get("keyPrefix", "").strip("/")
        place = f"AWSLogs/{call.account}/BedrockModelInvocationLogs/{call.region}/{now:%Y/%m/%d/%H}"
        key = f"{prefix}/{place}" if prefix else place
        self._start(call.account, s3["bucketName"], f"{key}/{now:%Y%m%dT%H%M%S%f}Z_{call.id}.json.gz", record)

    def _start(self, account: str, bucket: str, key: str, record: Json) -> None:
        task = asyncio.create_task(self._write(account, bucket, key, record), name=f"log-{key}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, account: str, bucket: str, key: str, record: Json) -> None:
        plane = await self._aws.plane()
        try:
            await plane.write_object(account, bucket, key, gzip.compress(encode(record) + b"\n"))
        except LookupError:
            LOGGER.warning("the invocation log %s could not be written", key)

    def _configuration(self, owner: str) -> Json | None:
        body = self._store.get(_KIND, owner, _ID)
        return None if body is None else json.loads(body)


def _side(side: str, body: Json, n_tokens: int) -> Json:
    return {f"{side}ContentType": "application/json", f"{side}BodyJson": body, f"{side}TokenCount": n_tokens}
