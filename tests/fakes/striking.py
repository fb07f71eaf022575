"""A way to the emulator on which one chosen call meets a disaster, and all others arrive unharmed."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}
HOLD_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What happens to the ``nth`` call that matches, once.

    ``before`` happens when the call was made and has not arrived, ``after`` when it was carried out and its reply is on
    the way. ``kill`` ends the calling process by SIGKILL, ``kill_worker`` the process above it too, ``drop``
    closes the connection, ``hold`` keeps the reply until the caller has given up, anything else is left to ``on_strike``.
    """

    call: str
    nth: int = 1
    moment: str = "after"
    action: str = "kill"
    reply: str = ""

    def matches(self, call: str, reply: str) -> bool:
        return bool(re.search(self.call, call)) and self.reply in reply


@dataclass
class Line:
    """A port of its own, behind which the emulator answers."""

    upstream: str
    strike: Strike | None = None
    on_strike: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._n_matches = 0
        line = self

        class Handler(_Handler):
            pass

        Handler.line = line
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def is_hit(self, call: str, moment: str, reply: str = "") -> bool:
        with self._lock:
            strike = self.strike
            if strike is None or strike.moment != moment or self.struck.is_set() or not strike.matches(call, reply):
                return False
            self._n_matches += 1
            if self._n_matches < strike.nth:
                return False
            self.struck.set()
            return True

    def act(self, peer: tuple[str, int]) -> None:
        assert self.strike
        action = self.strike.action
        if action in {"kill", "kill_worker"}:
            kill_caller(peer, with_parent=action == "kill_worker")
        elif action == "hold":
            threading.Event().wait(HOLD_SECONDS)
        elif action != "drop":
            self.on_strike()


def kill_caller(peer: tuple[str, int], *, with_parent: bool) -> None:
    """SIGKILL for the process at the other end of a connection; never for this one."""
    owners = [c.pid for c in psutil.net_connections("tcp") if c.laddr and tuple(c.laddr) == peer and c.pid]
    pid = next(pid for pid in owners if pid != os.getpid())
    above = psutil.Process(pid).ppid()
    if with_parent:
        os.kill(above, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: Line

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        action = re.match(rb"Action=(\w+)", body)
        call = f"{self.command} {unquote(urlsplit(self.path).path)}{action[1].decode() if action else ''}"
        self.line.calls.append(call)
        if self.line.is_hit(call, "before"):
            self._strike()
            return
        reply, content = self._forward(body)
        if self.line.is_hit(call, "after", content.decode("utf-8", "replace")):
            self._strike()
            return
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", reply.getheader("content-length") or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _relay  # noqa: N815

    def _forward(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(urlsplit(self.line.upstream).netloc, timeout=HOLD_SECONDS)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP - {"date"}:
                connection.putheader(name, value)
        if body or self.command in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply, reply.read()

    def _strike(self) -> None:
        self.close_connection = True
        self.line.act((self.client_address[0], self.client_address[1]))
