"""Errors in the words and the wire format of the protocol that was spoken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from airflow_provider_bedrock_rft.emulator.auth.caller import AuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.emulator.auth.caller import Protocol

_QUERY_SERVICES = frozenset({"iam", "sts", "sns", "monitoring"})
_MANTLE_PATHS = ("/v1/", "/openai/v1/")

# Reason -> per protocol (s3, query, json): code and HTTP status. The messages are the same everywhere but in S3.
_REASONS: Mapping[str, tuple[tuple[str, int], tuple[str, int], tuple[str, int]]] = {
    "missing": (
        ("AccessDenied", 403),
        ("MissingAuthenticationToken", 403),
        ("MissingAuthenticationTokenException", 403),
    ),
    "malformed": (
        ("AuthorizationHeaderMalformed", 400),
        ("IncompleteSignature", 400),
        ("IncompleteSignatureException", 400),
    ),
    "unknown-key": (("InvalidAccessKeyId", 403), ("InvalidClientTokenId", 403), ("UnrecognizedClientException", 403)),
    "wrong-token": (("InvalidToken", 400), ("InvalidClientTokenId", 403), ("UnrecognizedClientException", 403)),
    "expired-token": (("ExpiredToken", 400), ("ExpiredToken", 403), ("ExpiredTokenException", 403)),
    "mismatch": (("SignatureDoesNotMatch", 403), ("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 403)),
    "skewed": (("RequestTimeTooSkewed", 403), ("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 403)),
    "expired": (("AccessDenied", 403), ("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 403)),
    "wrong-body": (
        ("XAmzContentSHA256Mismatch", 400),
        ("SignatureDoesNotMatch", 403),
        ("InvalidSignatureException", 403),
    ),
}
_COLUMNS: Mapping[str, int] = {"s3": 0, "query": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """A whole HTTP reply."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def protocol_of(service: str, path: str, headers: Mapping[bytes, bytes]) -> Protocol:
    """The protocol a request speaks, as far as its error format is concerned.

    ``headers`` have lower-case names; an unsigned request has no ``service`` and is told by its other marks.
    """
    if service == "bedrock-mantle" or path.startswith(_MANTLE_PATHS):
        return "mantle"
    if b"x-amz-target" in headers:
        return "json"
    if service in _QUERY_SERVICES or (service != "s3" and _is_form(headers)):
        return "query"
    return "s3" if service in ("s3", "") else "rest-json"


def refusal(reason: str, protocol: Protocol, message: str) -> AuthError:
    """The error for one of the reasons a signature is refused for."""
    if protocol == "mantle":
        return AuthError(401, "invalid_api_key", message)
    code, status = _REASONS[reason][_COLUMNS.get(protocol, 2)]
    return AuthError(status, code, message)


def error_reply(protocol: Protocol, *, status: int, code: str, message: str, request_id: str) -> ErrorReply:
    """An error as the protocol's clients expect to parse it."""
    match protocol:
        case "s3":
            kind, body = "application/xml", _s3_body(code, message, request_id)
        case "query":
            kind, body = "text/xml", _query_body(status, code, message, request_id)
        case "json":
            kind, body = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
        case "mantle":
            kind, body = "application/json", _mantle_body(status, code, message)
        case _:
            kind, body = "application/json", json.dumps({"Type": "User", "message": message}).encode()
    headers = (
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amz-request-id", request_id.encode()),
        (b"x-amzn-errortype", code.encode()),
    )
    return ErrorReply(status=status, headers=headers, body=body)


def _is_form(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")


def _s3_body(code: str, message: str, request_id: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    ).encode()


def _query_body(status: int, code: str, message: str, request_id: str) -> bytes:
    kind = "Receiver" if status >= 500 else "Sender"
    return (
        f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _mantle_body(status: int, code: str, message: str) -> bytes:
    kind = {401: "authentication_error", 403: "permission_error"}.get(status, "invalid_request_error")
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
