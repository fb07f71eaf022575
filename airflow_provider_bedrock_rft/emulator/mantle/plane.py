"""Mantle as a whole: which path is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from airflow_provider_bedrock_rft.emulator.exchange import NOT_FOUND, Reply, Request, StreamReply
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, error_reply, invalid_value
from airflow_provider_bedrock_rft.emulator.store import UnknownCursor
from airflow_provider_bedrock_rft.emulator.upstream import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


TRAINING_REGION = "us-west-2"
REGIONS = frozenset(
    f"{TRAINING_REGION} us-east-1 us-east-2 us-gov-west-1 ap-southeast-2 ap-southeast-3 ap-south-1 ap-northeast-1 "
    "eu-central-1 eu-west-1 eu-west-2 eu-south-1 eu-north-1 sa-east-1".split()
)
_WORDS_OF = {
    400: {"code": "validation_error"},
    429: {"code": "rate_limit_exceeded", "kind": "rate_limit_error"},
    503: {"code": "service_unavailable", "kind": "server_error"},
}
_TRAINING = frozenset({"files", "fine_tuning"})


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
            check_region(request.region, first)
            return await room.route(request, segments) or NOT_FOUND
        except MantleError as error:
            return error.to_reply()
        except UpstreamFailure as failure:
            return error_reply(failure.message, status=failure.status, **_WORDS_OF[failure.status])
        except UnknownCursor as error:
            return invalid_value("after", f"there is no {error} to continue after").to_reply()


def check_region(region: str, room: str) -> None:
    """Every region has a host of its own at AWS; here the region that the caller's key is signed for stands for it.

    Raises:
        MantleError: Mantle is not served there, or training is not.
    """
    if region not in REGIONS:
        raise _forbidden(f"The API key is for {region}, where there is no Mantle endpoint")
    if room in _TRAINING and region != TRAINING_REGION:
        raise _forbidden(f"The API key is for {region}; fine-tuning is served in {TRAINING_REGION} only")


def _forbidden(message: str) -> MantleError:
    return MantleError(message, status=403, code="access_denied", kind="permission_error")
