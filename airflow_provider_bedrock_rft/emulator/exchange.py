"""Requests and replies as the planes see them, and JSON in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

Json = dict[str, Any]

encode = msgspec.json.encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request whose sender is known. ``owner`` is ``<account>/<region>``: what one owner has, no other sees.

    ``stale_seconds`` is an ordered fault: listings show what was true that long ago.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    account: str
    region: str
    id: str
    principal: str = ""
    stale_seconds: float = 0.0

    @property
    def owner(self) -> str:
        """Whose resources the request is about."""
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply; the body is JSON unless a content type says otherwise."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReply:
    """Events, each already framed: server-sent ones unless a content type says otherwise."""

    chunks: AsyncIterator[bytes]
    content_type: str = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()


def reply(document: object, status: int = 200) -> Reply:
    """``document`` as a JSON reply."""
    return Reply(body=encode(document), status=status)


NOT_FOUND = Reply(body=b"{}", status=404)
