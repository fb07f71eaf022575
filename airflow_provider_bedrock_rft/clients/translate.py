"""Foreign errors become ours, here and nowhere else.

Errors of botocore are told apart by the service's error code, others by code, class and HTTP status.
Neither SDK is imported for it: whoever raised the error has imported it already.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.error_table import ERROR_OF_CLASS, ERROR_OF_CODE, ERROR_OF_HTTP_STATUS
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    QuotaExceeded,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    RftError,
    ServiceError,
    ServiceUnavailable,
    Throttled,
    UnsupportedOperation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HOME_OF_ERRORS = ("botocore", "boto3", "s3transfer", "openai", "httpx", "httpx2", "httpcore", "httpcore2", "urllib3")

_ACTION: Mapping[type[ServiceError], str] = {
    InvalidCredentials: "Check the AWS connection: its keys, session token, profile or role may be wrong or expired.",
    AccessDenied: "Grant the identity of the AWS connection the action that is named here.",
    ResourceNotFound: "Check the name, and that it is in the account and region of the AWS connection.",
    ResourceConflict: "Look at what exists under this name, then run the task again.",
    QuotaExceeded: "Free some of the quota, or ask AWS to raise it.",
    RequestRejected: "Correct the value that is named here.",
    UnsupportedOperation: "Check the endpoint and the region of the AWS connection: this one has no such operation.",
    Throttled: "Wait and try again, or make fewer requests at once.",
    ServiceUnavailable: "Try again in a while.",
    ConnectionLost: "Check that the endpoint can be reached from here, then try again.",
}


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise our error in place of any that botocore, boto3, urllib3 or the openai SDK raises inside.

    Args:
        operation: What was being done, as a phrase that starts a sentence: ``Create a fine-tuning job``.
    """
    try:
        yield
    except Exception as error:  # -- foreign errors become ours, all others go on untouched
        ours = translate(error, operation)
        if ours is None:
            raise
        raise ours from error


@contextmanager
def reading(operation: str) -> Iterator[None]:
    """Like :func:`translated`, and a reply that is not what was asked for is a failure of the service.

    It may follow a request that was carried out: to whoever created something it is like a lost reply.
    """
    try:
        with translated(operation):
            yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceUnavailable(
            f"{operation} failed: the endpoint's reply cannot be read ({type(error).__name__}: {error}).",
            action="Check that the endpoint of the AWS connection is Bedrock's.",
            operation=operation,
        ) from error


def translate(error: BaseException, operation: str) -> ServiceError | None:
    """Our error for a foreign one, ``None`` for what is not a service's or an SDK's (a bug, or ours already)."""
    if isinstance(error, RftError) or not _is_foreign(error):
        return None
    cause = _deepest_answer(error)
    code, status, sentence = _answer_in(cause)
    kind = _kind_of(cause, code, status)
    if kind is ResourceNotFound and status == 404 and not code and not sentence:
        kind = UnsupportedOperation  # Mantle answers unknown paths with an empty object
    message = f"{operation} failed: {(sentence or _plain(cause)).rstrip('.')}."
    details = {"operation": operation, "code": code, "http_status": status, "error": type(cause).__name__}
    if kind is ConnectionLost:
        details["request_sent"] = _may_have_been_sent(cause)
    if kind is Throttled and (seconds := _retry_after(cause)) is not None:
        details["retry_after_seconds"] = seconds
    return kind(message, action=_ACTION[kind], **details)


def _kind_of(error: BaseException, code: str, status: int) -> type[ServiceError]:
    if code in ERROR_OF_CODE:
        return ERROR_OF_CODE[code]
    if status in ERROR_OF_HTTP_STATUS:
        return ERROR_OF_HTTP_STATUS[status]
    if status >= 400:
        return ServiceUnavailable if status >= 500 else RequestRejected
    return next((ERROR_OF_CLASS[name] for name in _ancestry(error) if name in ERROR_OF_CLASS), RequestRejected)


def _answer_in(error: BaseException) -> tuple[str, int, str]:
    """The service's error code, the HTTP status (0 without an answer) and the service's sentence."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore
        said = answer.get("Error", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return str(said.get("Code", "")), int(status), str(said.get("Message") or "")
    body: Any = getattr(error, "body", None)
    fields = body if isinstance(body, dict) else {}
    status = getattr(error, "status_code", 0)
    header = answer.headers.get("x-amzn-errortype", "").split(":")[0] if hasattr(answer, "headers") else ""
    code = fields.get("code") or header or ""
    return str(code), status if isinstance(status, int) else 0, str(fields.get("message") or "")


def _retry_after(error: BaseException) -> float | None:
    """The pause the service asks for, where it names one in seconds."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    else:
        headers = getattr(answer, "headers", {})
    text = str(headers.get("retry-after", ""))
    return float(text) if text.replace(".", "", 1).isdigit() else None


def _plain(error: BaseException) -> str:
    """The SDK's own sentence; the openai SDK's leaves out what could not be reached, and why."""
    said = " ".join(str(error).split()) or type(error).__name__
    url = getattr(getattr(error, "request", None), "url", None)
    cause = " ".join(str(error.__cause__ or "").split())
    return f"{said.rstrip('.')} ({url}{': ' if cause else ''}{cause})" if url else said


def _ancestry(error: BaseException) -> list[str]:
    return [cls.__name__ for cls in type(error).__mro__]


def _is_foreign(error: BaseException) -> bool:
    return any(cls.__module__.partition(".")[0] in _HOME_OF_ERRORS for cls in type(error).__mro__)


def _deepest_answer(error: BaseException) -> BaseException:
    """boto3 wraps what S3 answered during a managed transfer: the answer is in the cause."""
    inner = error.__cause__ or error.__context__
    wrapped = type(error).__name__ in {"S3UploadFailedError", "RetriesExceededError"}
    return inner if wrapped and inner is not None and _is_foreign(inner) else error


def _may_have_been_sent(error: BaseException) -> bool:
    """False when no connection was ever opened, so that the request cannot have been carried out."""
    unopened = {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ProxyConnectionError",
        "ConnectError",
        "ConnectTimeout",
        "NewConnectionError",
    }
    cause: BaseException | None = error
    while cause is not None:
        if not unopened.isdisjoint(_ancestry(cause)):
            return False
        cause = cause.__cause__
    return True
