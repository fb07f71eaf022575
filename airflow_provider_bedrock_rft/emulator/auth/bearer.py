"""Bedrock API keys: a presigned URL in base64 behind a prefix (as ``aws_bedrock_token_generator`` mints them)."""

from __future__ import annotations

import base64
import binascii

from airflow_provider_bedrock_rft.emulator.auth.claim import Claim, MalformedClaim, claim_in_query
from airflow_provider_bedrock_rft.emulator.auth.signature import EMPTY_SHA256, canonical_query, canonical_request

PREFIX = "bedrock-api-key-"
MAX_SECONDS = 43_200
_HOST = "bedrock.amazonaws.com"
_UNSIGNED_TAIL = "&Version=1"


def read_token(token: str) -> tuple[Claim, str]:
    """The claim inside a token, and the canonical request it was signed over.

    Raises:
        MalformedClaim: It is not a token of this kind.
    """
    if not token.startswith(PREFIX):
        raise MalformedClaim("The bearer token is not a Bedrock API key.")
    try:
        presigned = base64.b64decode(token[len(PREFIX) :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise MalformedClaim("The Bedrock API key cannot be decoded.") from None
    host, _, query = presigned.removesuffix(_UNSIGNED_TAIL).partition("/?")
    if host != _HOST or "Action=CallWithBearerToken" not in query.split("&"):
        raise MalformedClaim("The Bedrock API key does not hold a CallWithBearerToken request.")
    claim = claim_in_query(query)
    if claim.service != "bedrock" or not 0 < (claim.expires_seconds or 0) <= MAX_SECONDS:
        raise MalformedClaim(f"A Bedrock API key is signed for bedrock and lives at most {MAX_SECONDS} seconds.")
    signed_query = canonical_query(query, without="X-Amz-Signature")
    request = canonical_request("POST", "/", signed_query, {"host": _HOST}, claim.signed_headers, EMPTY_SHA256)
    return claim, request
