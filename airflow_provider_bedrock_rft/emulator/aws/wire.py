"""Requests and replies of the AWS plane as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from typing import Any

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequest:
    """A request whose body is plain (no chunk framing). Header names are lower case; the path is as sent."""

    method: str
    raw_path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header's value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsReply:
    """A whole reply."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header's value, or an empty string; ``name`` is lower case."""
        return next((value for key, value in self.headers if key.lower() == name), "")


async def read_body(receive: Receive) -> bytes:
    """The whole body of an ASGI request."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


def request_of(scope: Mapping[str, Any], body: bytes) -> AwsRequest:
    """The request of an ASGI scope and its body."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return AwsRequest(
        method=scope["method"],
        raw_path=raw_path.decode("latin-1").partition("?")[0],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
        body=body,
    )


async def send_reply(send: Send, reply: AwsReply, *, without_body: bool = False) -> None:
    """Answer an ASGI request. A HEAD request keeps the length and loses the body."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if without_body else reply.body})
