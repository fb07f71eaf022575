"""The result of an invocation, and the refusals that precede one."""

from __future__ import annotations

import json
from dataclasses import dataclass

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_LOG_TAIL_BYTES = 4096


class FunctionError(Exception):
    """A function was not invoked."""


class FunctionNotFound(FunctionError):
    """No function, version or alias of this name."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Function not found: {arn}")
        self.arn = arn


class FunctionThrottled(FunctionError):
    """More invocations at once than the account or the function may have. ``reason`` is the service's word."""

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class PayloadTooLarge(FunctionError):
    """A request payload over 6 MB."""

    def __init__(self, n_bytes: int) -> None:
        super().__init__(
            f"{n_bytes} byte payload is too large for the RequestResponse invocation type (limit {MAX_PAYLOAD_BYTES})"
        )
        self.n_bytes = n_bytes


class CodeRefused(FunctionError):
    """A package that cannot be run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResult:
    """What the caller of a function gets. ``function_error`` is ``Unhandled`` when the function failed, else None.

    ``log_tail`` is the end of this invocation's log, at most 4 KB. ``init_ms`` is given for a cold start only.
    """

    payload: bytes
    function_error: str | None
    log_tail: str
    executed_version: str
    duration_ms: float
    init_ms: float | None
    max_memory_mb: int
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation ended inside its environment."""

    payload: bytes
    error: str | None = None
    environment_lost: bool = False


def failure(kind: str, message: str, *, request_id: str | None = None, environment_lost: bool = False) -> Outcome:
    """A failure that the sandbox reports, not the function itself."""
    text = message if request_id is None else f"RequestId: {request_id} Error: {message}"
    payload = json.dumps({"errorType": kind, "errorMessage": text}).encode()
    return Outcome(payload=payload, error="Unhandled", environment_lost=environment_lost)
