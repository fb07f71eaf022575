"""What authentication ends in: a caller, or an error with the service's own code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["s3", "query", "json", "rest-json", "mantle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who signed a request, for which region and service."""

    account: str
    region: str
    access_key_id: str
    principal_arn: str
    service: str
    user_id: str


class AuthError(Exception):
    """A request is refused before any service sees it. ``code`` is the name that AWS gives the refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
