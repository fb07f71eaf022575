"""The one way out of a walled function: a Unix socket that leads to the emulator and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_READ_BYTES = 1 << 16


class Relay:
    """Connects whoever comes to ``path`` with the emulator at ``endpoint``."""

    def __init__(self, path: Path, endpoint: Callable[[], str]) -> None:
        self.path = path
        self._endpoint = endpoint
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Listen, once."""
        async with self._starting:
            if self._server is None:
                self._server = await asyncio.start_unix_server(self._connect, str(self.path))

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self._endpoint())
        try:
            far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port or 80)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(_READ_BYTES):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(ConnectionError, OSError):
        if writer.can_write_eof():
            writer.write_eof()
    writer.close()
