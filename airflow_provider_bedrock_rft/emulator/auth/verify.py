"""Checks the signature of a request against the keys that exist."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.auth.bearer import read_token
from airflow_provider_bedrock_rft.emulator.auth.caller import AuthError, Caller
from airflow_provider_bedrock_rft.emulator.auth.claim import (
    Claim,
    MalformedClaim,
    claim_in_header,
    claim_in_query,
    epoch_of,
)
from airflow_provider_bedrock_rft.emulator.auth.errors import protocol_of, refusal
from airflow_provider_bedrock_rft.emulator.auth.signature import (
    canonical_path,
    canonical_query,
    canonical_request,
    normalised_query,
    sign,
    signing_key,
    string_to_sign,
)

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.auth.caller import Protocol
    from airflow_provider_bedrock_rft.emulator.auth.keys import KeyRing, Secret

MAX_SKEW_SECONDS = 900
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A request as it came over the wire; header names are lower case."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Authenticator:
    """Turns requests into callers. ``now`` is wall time: clients sign with their own clocks, not the emulated one.

    With ``region`` given, Bedrock API keys for any other region are refused.
    """

    def __init__(self, keys: KeyRing, *, now: Callable[[], float] = time.time, region: str | None = None) -> None:
        self.keys = keys
        self._now = now
        self._region = region

    def authenticate(self, scope: Mapping[str, Any], body: bytes) -> Caller:
        """The caller of an ASGI request.

        Raises:
            AuthError: The request is not signed, or not by anyone known, or not rightly, or not lately.
        """
        sent = _sent(scope, body)
        authorization = sent.headers.get("authorization", "")
        if authorization[:7].lower() == "bearer ":
            return self.authenticate_token(authorization[7:].strip())
        if authorization:
            return self._check_header(sent, authorization)
        if "X-Amz-Signature=" in sent.query:
            return self._check_presigned(sent)
        protocol = protocol_of("", str(scope["path"]), dict(scope["headers"]))
        message = "Access Denied" if protocol == "s3" else "Missing Authentication Token"
        raise refusal("missing", protocol, message)

    def authenticate_token(self, token: str) -> Caller:
        """The caller of a Bedrock API key.

        Raises:
            AuthError: 401 for a key that is unreadable, unknown, wrongly signed or expired; 403 for another region.
        """
        try:
            claim, request = read_token(token)
            issued_at = epoch_of(claim.date_time)
        except (MalformedClaim, KeyError) as error:
            raise refusal("malformed", "mantle", f"Invalid API Key format: {error}") from None
        secret = self._secret(claim, "mantle")
        _compare(claim, secret, (request,), "mantle")
        self._check_lifetime(claim, issued_at, "mantle")
        if self._region is not None and claim.region != self._region:
            raise AuthError(403, "access_denied", f"The API key is for {claim.region}, this is {self._region}.")
        return _caller(claim, secret)

    def _check_header(self, sent: _Sent, authorization: str) -> Caller:
        protocol = _protocol(sent, _service_in(authorization))
        try:
            claim = claim_in_header(authorization, sent.headers)
            signed_at = epoch_of(claim.date_time)
        except MalformedClaim as error:
            raise refusal("malformed", protocol, str(error)) from None
        secret = self._secret(claim, protocol)
        if abs(self._now() - signed_at) > MAX_SKEW_SECONDS:
            raise self._skewed(claim, protocol)
        payload = _payload_hash(sent, protocol)
        _compare(claim, secret, _canonical(sent, claim, payload, without="", protocol=protocol), protocol)
        return _caller(claim, secret)

    def _check_presigned(self, sent: _Sent) -> Caller:
        protocol = _protocol(sent, "")
        try:
            claim = claim_in_query(sent.query)
            signed_at = epoch_of(claim.date_time)
        except MalformedClaim as error:
            raise refusal("malformed", protocol, str(error)) from None
        protocol = _protocol(sent, claim.service)
        secret = self._secret(claim, protocol)
        payload = UNSIGNED_PAYLOAD if claim.service == "s3" else sha256(sent.body).hexdigest()
        _compare(
            claim, secret, _canonical(sent, claim, payload, without="X-Amz-Signature", protocol=protocol), protocol
        )
        self._check_lifetime(claim, signed_at, protocol)
        return _caller(claim, secret)

    def _secret(self, claim: Claim, protocol: Protocol) -> Secret:
        secret = self.keys.find(claim.access_key_id)
        if secret is None:
            known = "AWS Access Key Id you provided does not exist in our records"
            message = f"The {known}." if protocol == "s3" else "The security token included in the request is invalid."
            raise refusal("unknown-key", protocol, message)
        if secret.session_token is not None and claim.session_token != secret.session_token:
            raise refusal("wrong-token", protocol, "The security token included in the request is invalid.")
        if secret.expires_at is not None and self._now() >= secret.expires_at:
            raise refusal("expired-token", protocol, "The security token included in the request is expired")
        return secret

    def _check_lifetime(self, claim: Claim, signed_at: float, protocol: Protocol) -> None:
        if signed_at - self._now() > MAX_SKEW_SECONDS:
            raise self._skewed(claim, protocol)
        if self._now() > signed_at + (claim.expires_seconds or 0):
            message = "The API key has expired." if protocol == "mantle" else "Request has expired"
            raise refusal("expired", protocol, message)

    def _skewed(self, claim: Claim, protocol: Protocol) -> AuthError:
        if protocol == "s3":
            return refusal(
                "skewed", protocol, "The difference between the request time and the current time is too large."
            )
        server = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._now()))
        early = epoch_of(claim.date_time) < self._now()
        message = (
            f"Signature expired: {claim.date_time} is now earlier than {server} - 15 min."
            if early
            else f"Signature not yet current: {claim.date_time} is still later than {server} + 15 min."
        )
        return refusal("skewed", protocol, message)


def _sent(scope: Mapping[str, Any], body: bytes) -> _Sent:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    query = scope["query_string"].decode("latin-1")
    return _Sent(method=scope["method"], raw_path=raw_path, query=query, headers=headers, body=body)


def _protocol(sent: _Sent, service: str) -> Protocol:
    marks = {
        name.encode(): sent.headers[name].encode() for name in ("x-amz-target", "content-type") if name in sent.headers
    }
    return protocol_of(service, sent.raw_path, marks)


def _service_in(authorization: str) -> str:
    parts = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    return parts[-2] if len(parts) >= 5 else ""


def _payload_hash(sent: _Sent, protocol: Protocol) -> str:
    """The hash that was signed; a stated one must be the body's own unless it says that the body is not signed."""
    stated = sent.headers.get("x-amz-content-sha256")
    if stated is not None and (stated == UNSIGNED_PAYLOAD or stated.startswith("STREAMING-")):
        return stated
    actual = sha256(sent.body).hexdigest()
    if stated is not None and stated != actual:
        raise refusal(
            "wrong-body", protocol, "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    return actual


def _canonical(sent: _Sent, claim: Claim, payload: str, *, without: str, protocol: Protocol) -> Iterable[str]:
    missing = [name for name in claim.signed_headers if name not in sent.headers]
    if missing:
        raise refusal("mismatch", protocol, f"The signed header {missing[0]} was not sent.")
    path = canonical_path(sent.raw_path, claim.service)
    for normal in (canonical_query, normalised_query):
        query = normal(sent.query, without=without)
        yield canonical_request(sent.method, path, query, sent.headers, claim.signed_headers, payload)


def _compare(claim: Claim, secret: Secret, requests: Iterable[str], protocol: Protocol) -> None:
    key = signing_key(secret.secret, claim.date, claim.region, claim.service)
    if not claim.date_time.startswith(claim.date):
        raise refusal("mismatch", protocol, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version.")
    for request in requests:
        expected = sign(key, string_to_sign(claim.date_time, claim.scope, request))
        if hmac.compare_digest(expected.encode(), claim.signature.encode()):
            return
    raise refusal("mismatch", protocol, _MISMATCH)


def _caller(claim: Claim, secret: Secret) -> Caller:
    return Caller(
        account=secret.account,
        region=claim.region,
        access_key_id=secret.access_key_id,
        principal_arn=secret.principal_arn,
        service=claim.service,
        user_id=secret.user_id,
    )
