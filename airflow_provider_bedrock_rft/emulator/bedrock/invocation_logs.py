"""Model invocation logging: its configuration, and the records it puts into S3 and CloudWatch Logs."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused
from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.inputs import SERVICE
from airflow_provider_bedrock_rft.emulator.exchange import encode
from airflow_provider_bedrock_rft.emulator.store import Drop, Put, Store

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completed
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

LOGGER = logging.getLogger(__name__)
_KIND = "native-logging"
_ID = "configuration"
_STREAM = "aws/bedrock/modelinvocations"


class InvocationLogs:
    """One configuration per owner; each invocation becomes an object, an event, or both, soon after it."""

    def __init__(self, store: Store, clock: EmulatorClock, aws: AwsMount) -> None:
        self._store = store
        self._clock = clock
        self._aws = aws
        self._writing: set[asyncio.Task[None]] = set()

    @serves(
        "PutModelInvocationLoggingConfiguration",
        "documented",
        "text, to S3 (an object per invocation: ours) and to CloudWatch Logs in the name of the role, which must be "
        "allowed to; bucket policies are not asked, and large bodies go where the others go",
    )
    async def put(self, call: Call) -> Json:
        """Log to the bucket, to the log group, or to both from now on."""
        configuration = call.params["loggingConfig"]
        plane = await self._aws.plane()
        s3 = configuration.get("s3Config")
        if s3 is not None and not plane.has_bucket(call.account, s3["bucketName"]):
            raise invalid(f"The bucket {s3['bucketName']} does not exist.")
        if (logs := configuration.get("cloudWatchConfig")) is not None:
            _check_logs(plane, call, logs)
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
        s3, logs = configuration.get("s3Config"), configuration.get("cloudWatchConfig")
        if (s3 is None and logs is None) or not configuration.get("textDataDeliveryEnabled", True):
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
        if s3 is not None:
            self._start(self._write(call.account, s3["bucketName"], _key(s3, call, now), record))
        if logs is not None:
            self._start(self._tell(call, logs["logGroupName"], record))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, account: str, bucket: str, key: str, record: Json) -> None:
        plane = await self._aws.plane()
        try:
            await plane.write_object(account, bucket, key, gzip.compress(encode(record) + b"\n"))
        except LookupError:
            LOGGER.warning("the invocation log %s could not be written", key)

    async def _tell(self, call: Call, group: str, record: Json) -> None:
        plane = await self._aws.plane()
        try:
            await plane.write_log(call.account, call.region, group, _STREAM, encode(record).decode())
        except LookupError:
            LOGGER.warning("the invocation log of %s could not be written to %s", call.id, group)

    def _configuration(self, owner: str) -> Json | None:
        body = self._store.get(_KIND, owner, _ID)
        return None if body is None else json.loads(body)


def _check_logs(plane: AwsPlane, call: Call, logs: Json) -> None:
    """Refuse a log group that is not there, and a role that may not write to it."""
    group, role_arn = logs["logGroupName"], logs["roleArn"]
    if not plane.has_log_group(call.account, call.region, group):
        raise invalid(f"The log group {group} does not exist.")
    stream = f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}:log-stream:{_STREAM}"
    try:
        role = plane.assume(role_arn, service=SERVICE, account=call.account, source_arn=call.arn("*"))
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            role.require(action, stream)
    except AccessRefused as refused:
        raise invalid(
            f"Failed to validate permissions for log group: {group}, with role: {role_arn}. "
            f"Verify the IAM role permissions are correct: {refused}"
        ) from None


def _key(s3: Json, call: Call, now: datetime) -> str:
    prefix = s3.get("keyPrefix", "").strip("/")
    place = f"AWSLogs/{call.account}/BedrockModelInvocationLogs/{call.region}/{now:%Y/%m/%d/%H}"
    folder = f"{prefix}/{place}" if prefix else place
    return f"{folder}/{now:%Y%m%dT%H%M%S%f}Z_{call.id}.json.gz"


def _side(side: str, body: Json, n_tokens: int) -> Json:
    return {f"{side}ContentType": "application/json", f"{side}BodyJson": body, f"{side}TokenCount": n_tokens}
