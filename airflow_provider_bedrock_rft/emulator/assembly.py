"""Puts the parts together and runs them: the only place that knows all planes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import uvicorn

from airflow_provider_bedrock_rft.emulator.answering import LocalAnswerer
from airflow_provider_bedrock_rft.emulator.auth import Authenticator, KeyRing
from airflow_provider_bedrock_rft.emulator.bedrock.assembling import Foundations, make_native
from airflow_provider_bedrock_rft.emulator.bedrock.book import JobBook
from airflow_provider_bedrock_rft.emulator.bedrock.job_creation import PLANE as NATIVE
from airflow_provider_bedrock_rft.emulator.bedrock.listener import NativeListener
from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock, wall_time
from airflow_provider_bedrock_rft.emulator.control import Control
from airflow_provider_bedrock_rft.emulator.faults import Faults
from airflow_provider_bedrock_rft.emulator.invoking import LambdaFunctions
from airflow_provider_bedrock_rft.emulator.mantle.account import DataRetention, Projects
from airflow_provider_bedrock_rft.emulator.mantle.chat import Chat
from airflow_provider_bedrock_rft.emulator.mantle.files import Files
from airflow_provider_bedrock_rft.emulator.mantle.inference import Answerer, Inference
from airflow_provider_bedrock_rft.emulator.mantle.jobs import Jobs
from airflow_provider_bedrock_rft.emulator.mantle.listener import PLANE, MantleListener
from airflow_provider_bedrock_rft.emulator.mantle.models import Models
from airflow_provider_bedrock_rft.emulator.mantle.plane import MantlePlane
from airflow_provider_bedrock_rft.emulator.mantle.responses import Responses
from airflow_provider_bedrock_rft.emulator.mounting import make_plane
from airflow_provider_bedrock_rft.emulator.server import Door, Planes, Scope
from airflow_provider_bedrock_rft.emulator.store import Store
from airflow_provider_bedrock_rft.emulator.training.engine import Engine, TrainingEngine
from airflow_provider_bedrock_rft.emulator.upstream import ForwardingAnswerer, Upstream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.settings import Settings

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 3
_NOTE_SECONDS = 1.0


class FolderInUse(Exception):
    """Another emulator has the data folder."""


async def run(settings: Settings, listener: socket.socket, url: str, announce: Callable[[], None]) -> None:
    """Serve until a signal comes. ``announce`` is called once requests are answered.

    Raises:
        FolderInUse: another process has the data folder.
    """
    with locked(settings.data_dir):
        emulator = Emulator(settings, url)
        server = make_server(emulator.door, emulator.connections, announce)
        try:
            opening = emulator.aws.open()
            if emulator.aws.has_state:
                await opening
            emulator.engine.resume()
            emulator.native.resume()
            emulator.answerer.warm_up()
            noting = asyncio.create_task(emulator.note_time())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _already_ending)
            await server.serve(sockets=[listener])
            noting.cancel()
        finally:
            await emulator.close()


class Emulator:
    """All parts of one emulator, wired up; nothing runs yet."""

    def __init__(self, settings: Settings, url: str) -> None:
        folder = settings.data_dir
        self.connections = Connections()
        self.store = Store(folder / "state.db")
        self._clock_note = folder / "clock.json"
        self.clock = EmulatorClock(settings.speed, not_before=_read_time(self._clock_note))
        self._faults = Faults(self.clock, settings.seed, settings.faults, log_file=folder / "faults.jsonl")
        self.answerer = LocalAnswerer()
        self._upstream = Upstream(settings.upstream) if settings.upstream else None
        answering = ForwardingAnswerer(self.answerer, self._upstream) if self._upstream else self.answerer
        authenticator = Authenticator(KeyRing(settings.accounts), now=wall_time)
        self.aws = make_plane(settings, authenticator, url=url, now=self.clock.now)
        functions = LambdaFunctions(self.aws)
        book = JobBook(self.store, self.clock)
        listener = NativeListener(book, self.clock)
        self.engine = self._engine(settings, functions, listener)
        control = Control(settings, self.clock, self._faults, self.engine)
        self.native = make_native(
            Foundations(
                store=self.store,
                clock=self.clock,
                engine=self.engine,
                aws=self.aws,
                book=book,
                listener=listener,
                answerer=answering,
                settings=lambda: control.training,
                folder=folder,
                seed=settings.seed,
            )
        )
        self.door = Door(
            planes=Planes(
                mantle=self._mantle(settings, control, functions, answering),
                native=self.native.plane,
                aws=self.aws,
                control=control,
            ),
            faults=self._faults,
            authenticator=authenticator,
            clock=self.clock,
            abort=self.connections.abort,
            max_body_bytes=settings.max_upload_bytes,
        )

    def _engine(self, settings: Settings, functions: LambdaFunctions, native: NativeListener) -> TrainingEngine:
        return TrainingEngine(
            Engine(
                store=self.store,
                functions=functions,
                clock=self.clock,
                disturbances=self._faults,
                folder=settings.data_dir,
                listeners={PLANE: MantleListener(self.store, self.clock), NATIVE: native},
                slots=settings.training.slots,
                worker_command=settings.worker_command,
            )
        )

    def _mantle(
        self, settings: Settings, control: Control, functions: LambdaFunctions, answerer: Answerer
    ) -> MantlePlane:
        store, clock, folder = self.store, self.clock, settings.data_dir
        files = Files(store, clock, folder / "files")
        models = Models(store)
        inference = Inference(models, answerer, settings.seed)
        jobs = Jobs(
            store=store,
            clock=clock,
            files=files,
            engine=self.engine,
            functions=functions,
            settings=lambda: control.training,
            folder=folder,
            seed=settings.seed,
        )
        return MantlePlane(
            {
                "files": files,
                "fine_tuning": jobs,
                "models": models,
                "chat": Chat(inference, clock, self._upstream),
                "responses": Responses(store, inference, clock),
                "organization": Projects(store, clock),
                "data_retention": DataRetention(store),
            }
        )

    async def note_time(self) -> None:
        """Keep a note of an accelerated or advanced clock, so that time does not run back after a kill."""
        while True:
            await asyncio.sleep(_NOTE_SECONDS)
            self._write_time()

    async def close(self) -> None:
        """Stop everything; jobs go on when the folder is opened again."""
        await self.native.close()
        await self.engine.close()
        await self.aws.close()
        self.answerer.close()
        if self._upstream is not None:
            await self._upstream.close()
        self.store.close()
        self._write_time()

    def _write_time(self) -> None:
        partial = self._clock_note.with_suffix(".part")
        partial.write_text(json.dumps({"now": self.clock.now()}))
        partial.replace(self._clock_note)


class Connections:
    """Open connections by the address at their other end, so that one can be broken off."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """Remember a connection."""
        self._transports[_peer(transport)] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._transports.pop(_peer(transport), None)

    def abort(self, scope: Scope) -> None:
        """Break off the connection that a request came by, without a word."""
        transport = self._transports.get(tuple(scope["client"] or ())[:2])
        if transport is not None:
            transport.abort()


def make_server(door: Door, connections: Connections, announce: Callable[[], None]) -> uvicorn.Server:
    """A server that tells when it serves, and whose connections can be broken off."""
    config = uvicorn.Config(
        door,
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    protocol: Any = config.http_protocol_class

    class Watched(protocol):  # type: ignore[misc]
        """uvicorn's own protocol, which also tells of its connections."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            connections.opened(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.transport)
            super().connection_lost(exc)

    class Announcing(uvicorn.Server):
        """Says so when requests are answered."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce()

    config.http_protocol_class = Watched
    return Announcing(config)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Own the data folder.

    Raises:
        FolderInUse: another process does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise FolderInUse(
                f"The data folder {folder} belongs to another emulator (process {lock.read().strip() or 'unknown'}); "
                "stop that one, or choose another --data-dir."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _already_ending(*_: object) -> None:
    """Uvicorn handles signals while it serves, and raises them again when it has ended."""


def _peer(transport: asyncio.Transport) -> tuple[str, int]:
    host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
    return str(host), int(port)


def _read_time(note: Path) -> float:
    """The time at which the last process stopped: an accelerated clock must not run back at a restart."""
    try:
        return float(json.loads(note.read_text())["now"])
    except (OSError, ValueError, KeyError):
        return 0.0
