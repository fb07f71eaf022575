"""A signature as a request states it, before anyone has checked it."""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_bedrock_rft.emulator.auth.signature import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


class MalformedClaim(ValueError):
    """An authorization header or presigned query that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Key, scope and signature that a request claims to be signed with. ``expires_seconds`` only if presigned."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    date_time: str
    session_token: str | None
    expires_seconds: int | None = None

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def claim_in_header(authorization: str, headers: Mapping[str, str]) -> Claim:
    """The claim of an ``Authorization: AWS4-HMAC-SHA256 ...`` header.

    Raises:
        MalformedClaim: A part is missing or unreadable.
    """
    credential, signed_headers, signature = _split_authorization(authorization)
    date_time = headers.get("x-amz-date")
    if date_time is None:
        raise MalformedClaim("Authorization header requires existence of a 'X-Amz-Date' header.")
    access_key_id, date, region, service = _credential(credential)
    return Claim(
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        signed_headers=_names(signed_headers),
        signature=signature,
        date_time=date_time,
        session_token=headers.get("x-amz-security-token"),
    )


def claim_in_query(query: str) -> Claim:
    """The claim of a presigned URL's query.

    Raises:
        MalformedClaim: A part is missing or unreadable.
    """
    pairs = (part.partition("=") for part in query.split("&"))
    values = {name: unquote(value) for name, _, value in pairs if name.startswith("X-Amz-")}
    try:
        access_key_id, date, region, service = _credential(values["X-Amz-Credential"])
        return Claim(
            access_key_id=access_key_id,
            date=date,
            region=region,
            service=service,
            signed_headers=_names(values["X-Amz-SignedHeaders"]),
            signature=values["X-Amz-Signature"],
            date_time=values["X-Amz-Date"],
            session_token=values.get("X-Amz-Security-Token"),
            expires_seconds=int(values["X-Amz-Expires"]),
        )
    except KeyError as error:
        raise MalformedClaim(f"The presigned query lacks {error.args[0]}.") from None
    except ValueError as error:
        raise MalformedClaim(f"The presigned query cannot be read: {error}") from None


@lru_cache(maxsize=256)
def epoch_of(date_time: str) -> float:
    """Seconds since the epoch of a ``yyyymmddThhmmssZ``.

    Raises:
        MalformedClaim: It is not such a time.
    """
    try:
        return float(calendar.timegm(time.strptime(date_time, _TIME_FORMAT)))
    except ValueError:
        raise MalformedClaim(f"Date must be in ISO-8601 'basic format'. Got '{date_time}'.") from None


def _split_authorization(authorization: str) -> tuple[str, str, str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise MalformedClaim(f"Unsupported algorithm in the Authorization header: {algorithm!r}.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        return fields["Credential"], fields["SignedHeaders"], fields["Signature"]
    except KeyError as error:
        raise MalformedClaim(f"Authorization header requires '{error.args[0]}' parameter.") from None


@lru_cache(maxsize=1024)
def _credential(credential: str) -> tuple[str, str, str, str]:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise MalformedClaim(f"Credential must be <key>/<date>/<region>/<service>/aws4_request, not {credential!r}.")
    return parts[0], parts[1], parts[2], parts[3]


@lru_cache(maxsize=256)
def _names(signed_headers: str) -> tuple[str, ...]:
    names = tuple(name for name in signed_headers.split(";") if name)
    if "host" not in names:
        raise MalformedClaim("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return names
