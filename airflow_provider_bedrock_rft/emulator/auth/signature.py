"""Signature Version 4 as arithmetic: canonical request, string to sign, signing key."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = sha256(b"").hexdigest()


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key derived for one day (yyyymmdd), region and service."""
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """The signature of ``text``, in hex."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def string_to_sign(date_time: str, scope: str, canonical_request: str) -> str:
    """What is signed. ``scope`` is ``<yyyymmdd>/<region>/<service>/aws4_request``."""
    return f"{ALGORITHM}\n{date_time}\n{scope}\n{sha256(canonical_request.encode()).hexdigest()}"


@lru_cache(maxsize=2048)
def canonical_path(raw_path: str, service: str) -> str:
    """The path to be signed: as sent for S3, normalised and encoded once more for everything else."""
    if service == "s3":
        return raw_path or "/"
    return quote(_without_dots(raw_path), safe="/~")


@lru_cache(maxsize=2048)
def canonical_query(query: str, *, without: str = "") -> str:
    """The query's pairs in order, as sent; ``without`` leaves one name out (a presigned signature itself)."""
    if not query:
        return ""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, value in sorted((n, v) for n, _, v in pairs if n != without))


@lru_cache(maxsize=2048)
def normalised_query(query: str, *, without: str = "") -> str:
    """The same for clients that sign a stricter encoding than the one they send."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = ((quote(unquote(n), safe="-_.~"), quote(unquote(v), safe="-_.~")) for n, _, v in pairs if n != without)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed: Iterable[str], payload: str
) -> str:
    """The canonical request, from parts that are canonical already; ``headers`` have lower-case names.

    Raises:
        KeyError: A signed header was not sent.
    """
    names = tuple(signed)
    lines = "".join(f"{name}:{_trimmed(headers[name])}\n" for name in names)
    return f"{method}\n{path}\n{query}\n{lines}\n{';'.join(names)}\n{payload}"


def _trimmed(value: str) -> str:
    return " ".join(value.split()) if "  " in value else value.strip()


def _without_dots(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    ends_in_slash = path.endswith("/") and bool(parts)
    return "/" + "/".join(parts) + ("/" if ends_in_slash else "")
