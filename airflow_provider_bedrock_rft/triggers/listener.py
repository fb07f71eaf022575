"""Hears of job state changes beside the poller, in a thread of its own: a long poll must not hold up anybody's look."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.errors import RftError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from airflow_provider_bedrock_rft.core.ports import WakeUps

WAIT_SECONDS = 10
"""Of one long poll; a triggerer that stops waits this long for it."""

_BACKOFF = Backoff(first_seconds=5.0, max_seconds=300.0)
_LOG = logging.getLogger(__name__)


class Waiters(Protocol):
    """Those who wait for jobs."""

    def wanted(self) -> frozenset[str]:
        """The jobs that somebody waits for."""

    def wake(self, job_ids: frozenset[str]) -> None:
        """Let whoever waits for these jobs look at once."""


class Listener:
    """Listens while somebody waits; whoever cannot be told anything still polls."""

    def __init__(self, listen: Callable[[], WakeUps], waiters: Waiters, random: Random) -> None:
        self._listen = listen
        self._waiters = waiters
        self._random = random
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen, unless this is done already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="bedrock-rft-listener")

    async def _run(self) -> None:
        n_failures = 0
        thread = ThreadPoolExecutor(1, thread_name_prefix="rft-wake-up")
        try:
            while wanted := self._waiters.wanted():
                heard = await asyncio.get_running_loop().run_in_executor(thread, self._hear, wanted)
                n_failures = n_failures + 1 if heard is None else 0
                if heard is None:
                    await asyncio.sleep(_BACKOFF.pause(n_failures, self._random))
                else:
                    self._waiters.wake(heard)
        finally:
            thread.shutdown(wait=False)

    def _hear(self, wanted: frozenset[str]) -> frozenset[str] | None:
        """The jobs with news; ``None`` when there was no way to ask."""
        try:
            return self._listen().receive(wanted, wait_seconds=WAIT_SECONDS)
        except RftError as error:
            _LOG.warning("Wake-ups cannot be received now, so the jobs are polled only. %s", error)
            return None
