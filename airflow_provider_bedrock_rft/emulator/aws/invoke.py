"""``Invoke`` of the Lambda API, answered by the function host."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from airflow_provider_bedrock_rft.emulator.aws.wire import AwsReply
from airflow_provider_bedrock_rft.emulator.functions import (
    CodeRefused,
    FunctionError,
    FunctionNotFound,
    FunctionThrottled,
    PayloadTooLarge,
)
from airflow_provider_bedrock_rft.emulator.functions.code import check

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.auth import Caller
    from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest
    from airflow_provider_bedrock_rft.emulator.functions import FunctionCatalogue, FunctionHost, InvocationResult

log = logging.getLogger(__name__)

MAX_EVENT_BYTES = 1024 * 1024


class InvokeApi:
    """Translates between HTTP and the function host."""

    def __init__(self, functions: FunctionHost, catalogue: FunctionCatalogue) -> None:
        self._functions = functions
        self._catalogue = catalogue
        self._events: set[asyncio.Task[None]] = set()

    async def answer(self, request: AwsRequest, caller: Caller) -> AwsReply:
        """The reply to an ``Invoke``; refusals included."""
        try:
            return await self._answer(request, caller)
        except FunctionError as error:
            return _refusal(error)

    def deliver(self, arn: str, payload: bytes, *, account: str, region: str) -> None:
        """Invoke without waiting; a failure is logged."""
        task = asyncio.get_running_loop().create_task(self._invoke_quietly(arn, payload, account, region))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def close(self) -> None:
        """Stop what was invoked without waiting."""
        for task in self._events:
            task.cancel()
        await asyncio.gather(*self._events, return_exceptions=True)

    async def _answer(self, request: AwsRequest, caller: Caller) -> AwsReply:
        name = unquote(request.raw_path.strip("/").split("/")[2])
        qualifier = parse_qs(request.query).get("Qualifier", [None])[0]
        function = self._catalogue.resolve(name, qualifier, account=caller.account, region=caller.region)
        kind = request.header("x-amz-invocation-type") or "RequestResponse"
        payload = request.body or b"{}"
        if kind == "DryRun":
            return AwsReply(status=204, headers=(), body=b"")
        if not _is_json(payload):
            message = "Could not parse request body into json: Could not parse payload into json"
            return lambda_error(400, "InvalidRequestContentException", message)
        if kind == "Event":
            if len(payload) > MAX_EVENT_BYTES:
                raise PayloadTooLarge(len(payload))
            self.deliver(function.arn, payload, account=caller.account, region=caller.region)
            return AwsReply(status=202, headers=(("x-amz-executed-version", function.version),), body=b"")
        if kind != "RequestResponse":
            return lambda_error(400, "InvalidParameterValueException", f"Unknown invocation type {kind}.")
        result = await self._functions.invoke(
            name, payload, qualifier=qualifier, account=caller.account, region=caller.region
        )
        return _reply(result, with_log=request.header("x-amz-log-type") == "Tail")

    async def _invoke_quietly(self, arn: str, payload: bytes, account: str, region: str) -> None:
        try:
            await self._functions.invoke(arn, payload, account=account, region=region)
        except FunctionError as error:
            log.warning("event for %s was not delivered: %s", arn, error)


def refused_package(request: AwsRequest) -> AwsReply | None:
    """The refusal of a ``CreateFunction`` or ``UpdateFunctionCode`` whose package could never be unpacked."""
    try:
        document = json.loads(request.body)
        package = document.get("Code", document).get("ZipFile")
        if package is not None:
            check(base64.b64decode(package))
    except CodeRefused as error:
        return lambda_error(400, "InvalidParameterValueException", str(error))
    except (ValueError, AttributeError, TypeError):
        return None  # a malformed request, for others to refuse
    return None


def _reply(result: InvocationResult, *, with_log: bool) -> AwsReply:
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(result.payload))),
        ("x-amz-executed-version", result.executed_version),
        ("x-amzn-requestid", result.request_id),
    ]
    if result.function_error is not None:
        headers.append(("x-amz-function-error", result.function_error))
    if with_log:
        headers.append(("x-amz-log-result", base64.b64encode(result.log_tail.encode()).decode()))
    return AwsReply(status=200, headers=tuple(headers), body=result.payload)


def _refusal(error: FunctionError) -> AwsReply:
    match error:
        case FunctionNotFound():
            return lambda_error(404, "ResourceNotFoundException", str(error), field="Message")
        case FunctionThrottled():
            return lambda_error(429, "TooManyRequestsException", str(error), reason=error.reason)
        case PayloadTooLarge():
            return lambda_error(413, "RequestTooLargeException", str(error))
        case CodeRefused():
            return lambda_error(502, "InvalidZipFileException", str(error))
        case _:
            return lambda_error(500, "ServiceException", str(error))


def lambda_error(status: int, code: str, message: str, *, field: str = "message", reason: str = "") -> AwsReply:
    """A refusal in the words of the Lambda API."""
    document = {"Type": "User", field: message}
    if reason:
        document["Reason"] = reason
    body = json.dumps(document).encode()
    headers = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("x-amzn-errortype", code),
    )
    return AwsReply(status=status, headers=headers, body=body)


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True
