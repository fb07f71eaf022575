"""The one door: every request comes in here, is disturbed if a fault says so, and goes to the plane it is for."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from airflow_provider_bedrock_rft.emulator.auth import Authenticator, AuthError, Caller
from airflow_provider_bedrock_rft.emulator.bedrock.errors import error_reply as native_error
from airflow_provider_bedrock_rft.emulator.bedrock.plane import NativePlane
from airflow_provider_bedrock_rft.emulator.bodies import BodyTooLarge, again, read_body
from airflow_provider_bedrock_rft.emulator.clock import current_skew, skewed
from airflow_provider_bedrock_rft.emulator.control import PREFIX, Control
from airflow_provider_bedrock_rft.emulator.exchange import NOT_FOUND, Reply, Request, StreamReply, reply
from airflow_provider_bedrock_rft.emulator.faults import HEADER, Faults, InvalidFault, Rule
from airflow_provider_bedrock_rft.emulator.faults.injected import answer_of
from airflow_provider_bedrock_rft.emulator.faults.newborns import Asked, Newborns
from airflow_provider_bedrock_rft.emulator.mantle.errors import error_reply
from airflow_provider_bedrock_rft.emulator.mantle.plane import MantlePlane
from airflow_provider_bedrock_rft.emulator.mounting import AwsMount
from airflow_provider_bedrock_rft.emulator.permission import Guard

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock

LOGGER = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Abort = Callable[[Scope], None]

_BEDROCK_SERVICES = {b"bedrock", b"bedrock-runtime", b"bedrock-mantle", b"bedrock-agent", b"bedrock-agent-runtime"}
_OPENAI_CONTROL = ("/openai/v1/files", "/openai/v1/fine_tuning", "/openai/v1/models", "/openai/v1/batches")
_MAX_CONTROL_BYTES = 1024 * 1024
_TRUST_TOKEN_SECONDS = 5.0
_MAX_TRUSTED = 1_024
_KINDS = {401: "authentication_error", 403: "permission_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """Who answers, behind the door."""

    mantle: MantlePlane
    native: NativePlane
    aws: AwsMount
    control: Control


class Door:
    """An ASGI application over all planes."""

    def __init__(
        self,
        *,
        planes: Planes,
        faults: Faults,
        authenticator: Authenticator,
        clock: EmulatorClock,
        abort: Abort,
        max_body_bytes: int,
    ) -> None:
        self._mantle = planes.mantle
        self._native = planes.native
        self._aws = planes.aws
        self._guard = Guard(planes.aws)
        self._control = planes.control
        self._faults = faults
        self._newborns = Newborns(faults, clock)
        self._authenticator = authenticator
        self._clock = clock
        self._abort = abort
        self._max_body_bytes = max_body_bytes
        self._trusted: dict[str, tuple[Caller, float]] = {}
        self._prefix = f"req_{secrets.token_hex(6)}"
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request_id = f"{self._prefix}{next(self._numbers):010x}"
        path: str = scope["path"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if path.startswith(PREFIX):
            await _send(send, await self._controlled(scope, headers, receive), request_id)
            return
        try:
            fault = self._fault(scope["method"], path, headers)
            if fault is None:
                await self._serve(scope, headers, receive, send, request_id)
            else:
                await self._disturb(fault, scope, headers, receive, send, request_id)
        except InvalidFault as error:
            await _send(send, reply({"message": str(error)}, 400), request_id)
        except BodyTooLarge:
            await _send(send, error_reply("The request is too large", status=413), request_id)

    async def _controlled(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Reply:
        if b"origin" in headers:  # a web page that happens to know the port
            return reply({"message": "The control API does not talk to browsers."}, 403)
        return await self._control.handle(scope["method"], scope["path"], await read_body(receive, _MAX_CONTROL_BYTES))

    def _fault(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Rule | None:
        header = headers.get(HEADER.encode())
        if header is None and not self._faults.rules:
            return None
        return self._faults.for_request(method, path, None if header is None else header.decode("latin-1"))

    async def _disturb(
        self, fault: Rule, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send, request_id: str
    ) -> None:
        await self._clock.sleep(self._faults.latency(fault))
        if fault.reset == "before":
            self._abort(scope)
            return
        if fault.is_answer:
            await read_body(receive, self._max_body_bytes)
            await _send(send, answer_of(fault, scope["path"], headers), request_id)
            return
        if fault.reset == "after":
            await self._serve(scope, headers, receive, _swallow, request_id)
            self._abort(scope)
            return
        if fault.cut_after is not None:
            send = self._cutting(scope, send, fault.cut_after)
        with skewed(fault.skew_seconds):
            await self._serve(scope, headers, receive, send, request_id, stale_seconds=fault.stale_seconds)

    def _cutting(self, scope: Scope, send: Send, n_chunks: int) -> Send:
        n_sent = 0

        async def cut(message: Message) -> None:
            nonlocal n_sent
            if message["type"] == "http.response.body" and n_sent >= n_chunks:
                self._abort(scope)
                return
            n_sent += message["type"] == "http.response.body"
            await send(message)

        return cut

    async def _serve(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        request_id: str,
        *,
        stale_seconds: float = 0.0,
    ) -> None:
        path: str = scope["path"]
        if self._newborns.is_watching:
            body = await read_body(receive, self._max_body_bytes)
            query = scope["query_string"].decode("latin-1")
            asked = Asked(method=scope["method"], path=path, query=query, headers=headers, body=body)
            if (refusal := self._newborns.refusal(asked)) is not None:
                await _send(send, refusal, request_id)
                return
            receive, send = again(body, receive), self._learning(asked, send)
        service = _service(headers)
        if service is not None and service not in _BEDROCK_SERVICES:
            await self._aws(scope, receive, _identified(send, request_id))
        elif path.startswith("/v1/"):
            await self._serve_mantle(scope, headers, receive, send, request_id, stale_seconds)
        elif path.startswith(_OPENAI_CONTROL):
            await _send(send, NOT_FOUND, request_id)
        elif service is not None or headers.get(b"authorization", b"")[:7].lower() == b"bearer ":
            await self._serve_native(scope, headers, receive, send, request_id, stale_seconds)
        else:
            await self._aws(scope, receive, _identified(send, request_id))

    def _learning(self, asked: Asked, send: Send) -> Send:
        """Sends, and takes note of what was made."""
        is_success = False
        parts: list[bytes] = []

        async def learn(message: Message) -> None:
            nonlocal is_success
            if message["type"] == "http.response.start":
                is_success = message["status"] < 300
            elif is_success:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    self._newborns.learn(asked, b"".join(parts))
            await send(message)

        return learn

    async def _serve_mantle(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        request_id: str,
        stale_seconds: float,
    ) -> None:
        try:
            request = await self._request(scope, headers, receive, request_id, stale_seconds)
            await self._guard.check_mantle(request)
        except AuthError as error:
            kind = _KINDS.get(error.status, "invalid_request_error")
            await _send(send, error_reply(error.message, status=error.status, code=error.code, kind=kind), request_id)
            return
        await _send(send, await self._handled(request), request_id)

    async def _serve_native(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        request_id: str,
        stale_seconds: float,
    ) -> None:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw_path.decode("latin-1").partition("?")[0]
        try:
            request = replace(await self._request(scope, headers, receive, request_id, stale_seconds), path=path)
            await self._guard.check_native(request)
        except AuthError as error:
            code = "AccessDeniedException" if error.code.islower() else error.code
            await _send(send, native_error(code, error.message, 403), request_id)
            return
        await _send(send, await self._native.handle(request), request_id)

    async def _request(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        request_id: str,
        stale_seconds: float = 0.0,
    ) -> Request:
        """The request with its body read and its sender known.

        Raises:
            AuthError: the sender is not known.
        """
        body = await read_body(receive, self._max_body_bytes)
        caller = self._caller(scope, headers, body)
        return Request(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {},
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()},
            body=body,
            account=caller.account,
            region=caller.region,
            principal=caller.principal_arn,
            id=request_id,
            stale_seconds=stale_seconds,
        )

    async def _handled(self, request: Request) -> Reply | StreamReply:
        try:
            return await self._mantle.handle(request)
        except Exception:  # -- the service answers 500 and goes on serving
            LOGGER.exception("%s %s broke", request.method, request.path)
            return error_reply("Internal server error", status=500, kind="server_error", code="internal_error")

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes) -> Caller:
        """The caller; a bearer token that was good is trusted for a few seconds, which spares most of the work."""
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        now = time.monotonic()
        trusted = None if current_skew() else self._trusted.get(authorization)
        if trusted is not None and now < trusted[1]:
            return trusted[0]
        caller = self._authenticator.authenticate(scope, body)
        if authorization[:7].lower() == "bearer ":
            if len(self._trusted) >= _MAX_TRUSTED:
                self._trusted.clear()
            self._trusted[authorization] = (caller, now + _TRUST_TOKEN_SECONDS)
        return caller


async def _send(send: Send, answer: Reply | StreamReply, request_id: str) -> None:
    head = [(b"x-request-id", request_id.encode())]
    if isinstance(answer, StreamReply):
        head += [(name.encode(), value.encode()) for name, value in answer.headers]
        head += [(b"content-type", answer.content_type.encode()), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
        return
    head.append((b"content-type", answer.content_type.encode()))
    head.append((b"content-length", str(len(answer.body)).encode()))
    head += [(name.encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    await send({"type": "http.response.body", "body": answer.body})


def _identified(send: Send, request_id: str) -> Send:
    async def with_id(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request_id.encode())]}
        await send(message)

    return with_id


async def _swallow(_: Message) -> None:
    return


def _service(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The service a request is signed for, if it is signed in its header."""
    scope = headers.get(b"authorization", b"").partition(b"Credential=")[2].split(b",", 1)[0].split(b"/")
    return scope[-2] if len(scope) >= 5 else None
