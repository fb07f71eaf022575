"""Mantle as a whole: which path is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from airflow_provider_bedrock_rft.emulator.exchange import NOT_FOUND, Reply, Request, StreamReply
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, invalid_value
from airflow_provider_bedrock_rft.emulator.store import UnknownCursor

if TYPE_CHECKING:
    from collections.abc import Mapping


class Room(Protocol):
    """The operations below one path."""

    async def route(self, request: Request, segments: list[str]) -> Reply | StreamReply | None:
        """Answer, or None where there is no such operation."""
        ...


class MantlePlane:
    """Everything below ``/v1``. An unknown path is 404 with an empty object, as it is at the service."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = rooms

    async def handle(self, request: Request) -> Reply | StreamReply:
        """Answer a request; refusals are replies too."""
        first, *segments = (unquote(segment) for segment in request.path.removeprefix("/v1/").rstrip("/").split("/"))
        room = self._rooms.get(first)
        if room is None:
            return NOT_FOUND
        try:
            return await room.route(request, segments) or NOT_FOUND
        except MantleError as error:
            return error.to_reply()
        except UnknownCursor as error:
            return invalid_value("after", f"there is no {error} to continue after").to_reply()
