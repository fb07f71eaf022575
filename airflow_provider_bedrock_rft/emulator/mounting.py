"""Brings the AWS plane up beside the others: what is mounted there takes a second to import."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from airflow_provider_bedrock_rft.emulator.auth import Authenticator
    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane
    from airflow_provider_bedrock_rft.emulator.server import Receive, Scope, Send
    from airflow_provider_bedrock_rft.emulator.settings import Settings

LOGGER = logging.getLogger(__name__)


class AwsMount:
    """The AWS plane, there at once or soon; whoever asks early waits."""

    def __init__(self, make: Callable[[type[AwsPlane]], AwsPlane], folder: Path) -> None:
        self._make = make
        self._folder = folder
        self._opening: asyncio.Task[AwsPlane] | None = None

    @property
    def has_state(self) -> bool:
        """True when an earlier process left something to be brought back."""
        return (self._folder / "aws").exists()

    def open(self) -> Awaitable[AwsPlane]:
        """Start bringing it up."""
        self._opening = asyncio.create_task(self._open(), name="open-aws")
        return self._opening

    async def plane(self) -> AwsPlane:
        """The plane, once it is up."""
        assert self._opening is not None, "open() comes first"  # noqa: S101
        return await asyncio.shield(self._opening)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        await (await self.plane())(scope, receive, send)

    async def close(self) -> None:
        """Take it down."""
        if self._opening is not None:
            await (await self.plane()).close()

    async def _open(self) -> AwsPlane:
        try:
            plane = self._make(await asyncio.to_thread(_load))
            await plane.open()
        except Exception:  # -- logged even where nobody awaits the plane, and raised to whoever does
            LOGGER.exception("the AWS plane could not be brought up")
            raise
        return plane


def make_plane(settings: Settings, authenticator: Authenticator, *, url: str, now: Callable[[], float]) -> AwsMount:
    """The mount of an emulator's AWS plane."""

    def make(kind: type[AwsPlane]) -> AwsPlane:
        return kind(
            settings.data_dir,
            authenticator,
            endpoint=lambda: url,
            now=now,
            seed=settings.seed,
            settle_seconds=settings.function_settle_seconds,
        )

    return AwsMount(make, settings.data_dir)


def _load() -> type[AwsPlane]:
    from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane  # noqa: PLC0415 -- slow, and in a thread

    return AwsPlane
