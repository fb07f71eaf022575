"""The host's end of the Lambda runtime API: a private listener for one execution environment."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions.invocation import MAX_PAYLOAD_BYTES, Outcome, failure

if TYPE_CHECKING:
    from pathlib import Path

_ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"OK"}'
_SKIP_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a function is given to handle. The deadline is in milliseconds since the epoch."""

    request_id: str
    arn: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    body: bytes | None
    """None if it was too long to be kept."""


class RuntimeApi:
    """Serves ``/2018-06-01/runtime`` to one process over a Unix socket."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._events: asyncio.Queue[Event] = asyncio.Queue(1)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None] | None] = set()
        self.ready = asyncio.Event()
        self.init_failure: Outcome | None = None
        self.is_taken = False
        self._answer: asyncio.Future[Outcome] | None = None
        self._request_id = ""

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._talk, str(self._socket_path), limit=1 << 16)

    async def close(self) -> None:
        """Stop listening and hang up."""
        for writer in list(self._writers):
            writer.close()
        for talk in self._talks:
            if talk is not None:
                talk.cancel()  # it may be waiting for an event that will never come
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(FileNotFoundError):
            self._socket_path.unlink()

    def submit(self, event: Event) -> asyncio.Future[Outcome]:
        """Offer an event to the function; the future holds its answer when it has given one."""
        self.is_taken = False
        self._request_id = event.request_id
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait(event)
        return self._answer

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._talks.add(talk := asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            while (call := await _read_call(reader)) is not None:
                writer.write(await self._reply(call))
                await writer.drain()
        self._talks.discard(talk)
        self._writers.discard(writer)
        writer.close()

    async def _reply(self, call: _Call) -> bytes:
        parts = call.path.strip("/").split("/")
        match parts[2:]:
            case ["invocation", "next"]:
                self.ready.set()
                return await self._next()
            case ["init", "error"]:
                self.init_failure = Outcome(payload=call.body or b"{}", error="Unhandled", environment_lost=True)
                self.ready.set()
            case ["invocation", request_id, verb] if request_id == self._request_id:
                self._settle(_outcome(verb, call.body))
            case _:
                return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        return _ACCEPTED

    async def _next(self) -> bytes:
        event = await self._events.get()
        self.is_taken = True
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {event.request_id}\r\nLambda-Runtime-Deadline-Ms: {event.deadline_ms}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {event.arn}\r\nContent-Length: {len(event.payload)}\r\n\r\n"
        )
        return head.encode() + event.payload

    def _settle(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(outcome)


def _outcome(verb: str, body: bytes | None) -> Outcome:
    if body is None or len(body) > MAX_PAYLOAD_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
        return failure("Function.ResponseSizeTooLarge", message)
    if verb == "error":
        return Outcome(payload=_error_document(body), error="Unhandled")
    return Outcome(payload=body)


def _error_document(body: bytes) -> bytes:
    with contextlib.suppress(ValueError):
        if isinstance(json.loads(body), dict):
            return body
    return failure("Runtime.InvalidError", "The runtime reported an error that cannot be read.").payload


async def _read_call(reader: asyncio.StreamReader) -> _Call | None:
    """The next request of a connection, or None at its end."""
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split()
    n_bytes = 0
    while (header := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        if name.lower() == "content-length":
            n_bytes = int(value)
    if n_bytes <= MAX_PAYLOAD_BYTES + 1:
        return _Call(method, path, await reader.readexactly(n_bytes))
    while n_bytes > 0:
        n_bytes -= len(await reader.readexactly(min(n_bytes, _SKIP_BYTES)))
    return _Call(method, path, None)
