"""The AWS plane: one ASGI application for every service that the pipeline calls beside Bedrock."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.auth import (
    Authenticator,
    AuthError,
    Caller,
    error_reply,
    protocol_of,
)
from airflow_provider_bedrock_rft.emulator.aws import identity, objects, queues
from airflow_provider_bedrock_rft.emulator.aws.authorization import is_allowed, refusal_of
from airflow_provider_bedrock_rft.emulator.aws.catalogue import MountedFunctions, find_key
from airflow_provider_bedrock_rft.emulator.aws.chunked import BrokenChunks, plain
from airflow_provider_bedrock_rft.emulator.aws.invoke import InvokeApi, refused_package
from airflow_provider_bedrock_rft.emulator.aws.logs import has_group, write_function_log
from airflow_provider_bedrock_rft.emulator.aws.mounted import MountedAws, NotImplementedHere
from airflow_provider_bedrock_rft.emulator.aws.operations import SERVICES, is_supported, name_of
from airflow_provider_bedrock_rft.emulator.aws.service_role import ServiceRole, assume
from airflow_provider_bedrock_rft.emulator.aws.wire import (
    AwsReply,
    AwsRequest,
    read_body,
    request_of,
    send_reply,
)
from airflow_provider_bedrock_rft.emulator.functions import FunctionHost, HostLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.aws.wire import Receive, Send
    from airflow_provider_bedrock_rft.emulator.functions import FunctionVersion

log = logging.getLogger(__name__)

_UPLOADS = frozenset({"CreateFunction", "UpdateFunctionCode"})
_INVOCATIONS = frozenset({"Invoke", "InvokeAsync"})


class AwsPlane:
    """S3, IAM, STS, Lambda, SSM, CloudWatch, Logs, SNS, SQS and EventBridge, with all acknowledged writes on disk.

    There is one at a time in a process, for the mounted implementation keeps its state in modules. ``endpoint``
    tells the emulator's own address; ``now`` is emulated time, in which functions take ``settle_seconds`` to change.
    """

    def __init__(
        self,
        root: Path,
        authenticator: Authenticator,
        *,
        endpoint: Callable[[], str],
        now: Callable[[], float],
        seed: int = 0,
        limits: HostLimits | None = None,
        settle_seconds: float = 0.0,
    ) -> None:
        self._root = root.resolve()
        self._authenticator = authenticator
        self._now = now
        self._seed = seed
        self._settle_seconds = settle_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aws")
        self.catalogue = MountedFunctions()
        self.functions = FunctionHost(
            self._root / "functions",
            endpoint,
            self.catalogue,
            limits=limits,
            now=now,
            credentials=self._function_credentials,
            write_log=self._write_function_log,
        )
        self._invoke = InvokeApi(self.functions, self.catalogue)
        self._mounted: MountedAws | None = None
        authenticator.keys.add_source(find_key)

    async def open(self) -> None:
        """Bring back what was acknowledged before the last stop. Must come before the first request."""
        folder = self._root / "aws"
        folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._mounted = await loop.run_in_executor(self._thread, self._mount, folder)
        self._mounted.sources.deliver = partial(_deliver, loop, self._invoke)

    async def close(self) -> None:
        """Stop functions and let go of files."""
        await self._invoke.close()
        await self.functions.close()
        if self._mounted is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._mounted.close)
        self._thread.shutdown()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whoever it is from."""
        body = await read_body(receive)
        request = request_of(scope, body)
        try:
            caller = self._authenticator.authenticate(scope, body)
            reply = await self.answer(plain(request), caller)
        except AuthError as error:
            reply = _error_for("", request, error.status, error.code, error.message)
        except BrokenChunks as error:
            reply = _error_for("s3", request, 400, "IncompleteBody", str(error))
        await send_reply(send, reply, without_body=request.method == "HEAD")

    async def answer(self, request: AwsRequest, caller: Caller) -> AwsReply:
        """The reply to a request whose sender is known and whose body is plain."""
        service = caller.service
        operation = name_of(service, request) if service in SERVICES else f"{request.method} {request.raw_path}"
        if service == "lambda" and operation in _INVOCATIONS:
            return await self._invoke.answer(request, caller)
        if operation in _UPLOADS and (refusal := refused_package(request)) is not None:
            return refusal
        if service == "sts" and operation in identity.OPERATIONS:
            return identity.answer(operation, request, caller, self._authenticator.keys, now=self._now())
        if operation == "AssumeRole" and (why := identity.refused_role(request, caller)) is not None:
            return _error_for(service, request, 403, "AccessDenied", why)
        if not is_supported(service, operation, request):
            return _not_implemented(service, operation, request)
        return await self._answer_mounted(service, operation, request, caller)

    async def _answer_mounted(self, service: str, operation: str, request: AwsRequest, caller: Caller) -> AwsReply:
        try:
            if operation == "ReceiveMessage":
                return await queues.receive(request, lambda at_once: self._perform(at_once, caller, operation))
            return await self._perform(request, caller, operation)
        except NotImplementedHere:
            return _not_implemented(service, operation, request)
        except Exception as error:  # -- the mounted implementation may raise anything
            log.exception("%s %s failed", service, operation)
            return _error_for(service, request, 500, "InternalFailure", f"{operation}: {error!r}")

    def read_object(self, account: str, bucket: str, key: str) -> bytes | None:
        """The newest version of an object, or None."""
        return objects.read_object(account, bucket, key)

    def list_objects(self, account: str, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket below a prefix."""
        return objects.list_keys(account, bucket, prefix)

    def has_bucket(self, account: str, bucket: str) -> bool:
        """True when there is such a bucket."""
        return objects.has_bucket(account, bucket)

    def assume(self, role_arn: str, *, service: str, account: str, source_arn: str) -> ServiceRole:
        """A user's role, assumed by a service.

        Raises:
            AccessRefused: it cannot be.
        """
        return assume(role_arn, service=service, account=account, source_arn=source_arn)

    def refusal(self, principal_arn: str, action: str, resource: str, context: Mapping[str, str]) -> str:
        """Why a caller may not do something, in the words of IAM; empty when it may."""
        if is_allowed(principal_arn, action, resource, context):
            return ""
        return refusal_of(principal_arn, action, resource)

    async def put_event(self, account: str, region: str, entry: Mapping[str, Any]) -> None:
        """Put an entry of ``PutEvents`` on the default bus, whose rules deliver it to their targets."""
        caller = _service_caller(account, region, "events")
        await self._perform(_json_request("AWSEvents.PutEvents", region, {"Entries": [entry]}), caller, "PutEvents")

    def has_log_group(self, account: str, region: str, group: str) -> bool:
        """True when there is such a log group."""
        return has_group(account, region, group)

    async def write_log(self, account: str, region: str, group: str, stream: str, message: str) -> None:
        """Append an event to a log stream, which is made if it is not there.

        Raises:
            LookupError: There is no such log group.
        """
        caller = _service_caller(account, region, "logs")
        place = {"logGroupName": group, "logStreamName": stream}
        event = {"timestamp": int(self._now() * 1000), "message": message}
        for operation, document in (
            ("CreateLogStream", place),  # refused where it is there already
            ("PutLogEvents", {**place, "logEvents": [event]}),
        ):
            request = _json_request(f"Logs_20140328.{operation}", region, document)
            reply = await self._perform(request, caller, operation)
        if reply.status >= 400:
            raise LookupError(f"The log group {group} cannot be written to: {reply.body.decode(errors='replace')}")

    async def write_object(
        self, account: str, bucket: str, key: str, body: bytes, *, content_type: str = "application/octet-stream"
    ) -> None:
        """Store an object; on disk when this returns.

        Raises:
            LookupError: There is no such bucket.
        """
        caller = _service_caller(account, "us-east-1", "s3")
        reply = await self._perform(objects.put_request(bucket, key, body, content_type), caller, "PutObject")
        if reply.status >= 400:
            raise LookupError(f"s3://{bucket}/{key} cannot be written: {reply.body.decode(errors='replace')}")

    async def _perform(self, request: AwsRequest, caller: Caller, operation: str) -> AwsReply:
        assert self._mounted is not None, "open() comes first"  # noqa: S101
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._mounted.perform, request, caller, operation)

    def _mount(self, folder: Path) -> MountedAws:
        mounted = MountedAws(folder, now=self._now, seed=self._seed, settle_seconds=self._settle_seconds)
        mounted.replay()
        return mounted

    def _function_credentials(self, function: FunctionVersion) -> Mapping[str, str]:
        role = function.role.rpartition("/")[2]
        session = self._authenticator.keys.issue_session(
            function.account,
            f"arn:aws:sts::{function.account}:assumed-role/{role}/{function.name}",
            user_id=f"AROALOCALEMULATOR:{function.name}",
            expires_at=None,
            now=self._now(),
        )
        return {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret,
            "AWS_SESSION_TOKEN": session.session_token or "",
        }

    def _write_function_log(self, function: FunctionVersion, stream: str, lines: list[str]) -> None:
        now = self._now()
        self._thread.submit(write_function_log, function, stream, lines, now=now)


def _json_request(target: str, region: str, document: object) -> AwsRequest:
    """A request of the JSON protocol to the service that ``target`` begins with."""
    host = "events" if target.startswith("AWSEvents") else "logs"
    headers = (
        ("host", f"{host}.{region}.amazonaws.com"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", target),
    )
    return AwsRequest(method="POST", raw_path="/", query="", headers=headers, body=json.dumps(document).encode())


def _service_caller(account: str, region: str, service: str) -> Caller:
    """The emulator itself, at work for an account."""
    return Caller(
        account=account,
        region=region,
        access_key_id="EMULATOR",
        principal_arn=f"arn:aws:iam::{account}:root",
        service=service,
        user_id=account,
    )


def _deliver(
    loop: asyncio.AbstractEventLoop, invoke: InvokeApi, arn: str, account: str, region: str, payload: bytes
) -> None:
    loop.call_soon_threadsafe(partial(invoke.deliver, arn, payload, account=account, region=region))


def _not_implemented(service: str, operation: str, request: AwsRequest) -> AwsReply:
    message = f"{service or 'unknown service'} {operation} is not implemented by the emulator."
    return _error_for(service, request, 501, "NotImplemented", message)


def _error_for(service: str, request: AwsRequest, status: int, code: str, message: str) -> AwsReply:
    marks = {name.encode(): value.encode("latin-1") for name, value in request.headers}
    if not service:
        service = _service_named_in(request.header("authorization"))
    protocol = protocol_of(service, request.raw_path, marks)
    error = error_reply(protocol, status=status, code=code, message=message, request_id=str(uuid.uuid4()))
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in error.headers)
    return AwsReply(status=error.status, headers=headers, body=error.body)


def _service_named_in(authorization: str) -> str:
    parts = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    return parts[-2] if len(parts) >= 5 else ""
