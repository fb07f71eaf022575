"""Injected answers, in the words and the wire format of the service that was asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.auth.errors import error_reply as aws_error
from airflow_provider_bedrock_rft.emulator.auth.errors import protocol_of, refusal
from airflow_provider_bedrock_rft.emulator.exchange import Reply, reply
from airflow_provider_bedrock_rft.emulator.mantle.errors import error_reply as mantle_error

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.faults.rule import Rule

Headers = Mapping[bytes, bytes]
_KINDS = {429: "rate_limit_error", 401: "authentication_error", 403: "permission_error"}

# HTTP status -> the code that S3, the query services (IAM, STS, SNS, CloudWatch) and all others use for it.
_CODES: Mapping[int, tuple[str, str, str]] = {
    400: ("InvalidRequest", "ValidationError", "ValidationException"),
    403: ("AccessDenied", "AccessDenied", "AccessDeniedException"),
    404: ("NoSuchKey", "NoSuchEntity", "ResourceNotFoundException"),
    409: ("OperationAborted", "ConcurrentModification", "ConflictException"),
    429: ("SlowDown", "Throttling", "ThrottlingException"),
    503: ("ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailableException"),
}
_CLIENTS_FAULT = ("InvalidRequest", "ValidationError", "ValidationException")
_SERVERS_FAULT = ("InternalError", "InternalFailure", "InternalServerException")
_COLUMNS = {"s3": 0, "query": 1}
_MANTLE_PATHS = ("/v1/", "/openai/v1/")


def service_of(headers: Headers) -> str:
    """The service a request is signed for, or that takes its bearer token; empty if it has neither."""
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() == b"bearer ":
        return "bedrock"
    scope = authorization.partition(b"Credential=")[2].split(b",", 1)[0].split(b"/")
    return scope[-2].decode("latin-1") if len(scope) >= 5 else ""


def answer_of(fault: Rule, path: str, headers: Headers) -> Reply:
    """The answer that the fault stands for."""
    if fault.function_error:
        body = {"errorMessage": fault.function_error, "errorType": fault.code or "InjectedError"}
        return Reply(body=reply(body).body, headers=(("x-amz-function-error", "Unhandled"), *fault.headers.items()))
    if fault.expired:
        is_mantle = path.startswith(_MANTLE_PATHS)
        message = "The API key has expired." if is_mantle else "The security token included in the request is expired"
        error = refusal("expired-token", protocol_of(service_of(headers), path, headers), message)
        return refused(error.status, error.code, error.message, path, headers)
    status = fault.status or 500
    answer = refused(status, fault.code, fault.message, path, headers)
    return Reply(
        body=answer.body,
        status=status,
        content_type=answer.content_type,
        headers=(*answer.headers, *fault.headers.items()),
    )


def refused(status: int, code: str, message: str, path: str, headers: Headers) -> Reply:
    """An error; the service's own code for this status where ``code`` is empty."""
    protocol = protocol_of(service_of(headers), path, headers)
    if protocol == "mantle":
        kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return mantle_error(message, status=status, code=code or None, kind=kind)
    usual = _CODES.get(status, _SERVERS_FAULT if status >= 500 else _CLIENTS_FAULT)[_COLUMNS.get(protocol, 2)]
    error = aws_error(protocol, status=status, code=code or usual, message=message, request_id=str(uuid.uuid4()))
    own = {name.decode(): value.decode("latin-1") for name, value in error.headers}
    del own["content-length"]
    return Reply(body=error.body, status=status, content_type=own.pop("content-type"), headers=tuple(own.items()))
