"""One poller for all waits of an event loop on one connection: it lists jobs, and gives waits their turn to look."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_bedrock_rft.core.clock import Backoff
from airflow_provider_bedrock_rft.core.errors import RftError, TransientServiceError
from airflow_provider_bedrock_rft.core.job.rota import Wait, is_news, plan_round
from airflow_provider_bedrock_rft.core.steps.waiting import list_statuses
from airflow_provider_bedrock_rft.triggers.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from random import Random

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.job.rota import Round
    from airflow_provider_bedrock_rft.core.job.waiting import WaitPlan
    from airflow_provider_bedrock_rft.core.ports import TrainingService, WakeUps

GATHER_SHARE = 0.1
MAX_GATHER_SECONDS = 1.0
"""How long a round waits for others to join: triggers of a triggerer that starts come one after the other."""

_BACKOFF = Backoff(first_seconds=2.0, max_seconds=120.0)
_LOG = logging.getLogger(__name__)
_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, SharedPoller]] = WeakKeyDictionary()


class Seat:
    """A wait at the table."""

    __slots__ = ("_poller", "is_woken", "turn_comes", "wait")

    def __init__(self, poller: SharedPoller, wait: Wait) -> None:
        self._poller = poller
        self.wait = wait
        self.turn_comes: asyncio.Future[None] | None = None
        self.is_woken = False

    async def turn(self, pause_seconds: float) -> None:
        """Return when it is worth while, or time, to look at the job."""
        await self._poller.turn(self, pause_seconds)

    def call(self, now: float) -> None:
        """Let it look."""
        self.wait.looked_at = now
        if self.turn_comes and not self.turn_comes.done():
            self.turn_comes.set_result(None)

    def wake(self, now: float) -> None:
        """Let it look because of news; when it is just looking, which may have been too early, once more."""
        self.is_woken = self.turn_comes is None
        self.call(now)


class SharedPoller:
    """Runs while somebody waits.

    Args:
        connect: The control plane; called in a thread, for every listing.
        clock: Tells the time.
        random: Jitter of the pauses after failed listings.
        listen: News about jobs that comes by itself; called in a thread, for every wait.
    """

    def __init__(
        self,
        connect: Callable[[], TrainingService],
        *,
        clock: Clock,
        random: Random,
        listen: Callable[[], WakeUps] | None = None,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._random = random
        self._listener = Listener(listen, self, random) if listen else None
        self._seats: dict[int, Seat] = {}
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._wakes_at = 0.0
        self._n_failures = 0
        self._is_broken = False

    @contextmanager
    def seat(self, plan: WaitPlan, *, always_looks: bool = False) -> Iterator[Seat]:
        """Take part until the end of the block."""
        seat = Seat(self, Wait(plan=plan, due_at=self._clock.now(), always_looks=always_looks))
        self._seats[id(seat)] = seat
        if self._listener:
            self._listener.start()
        try:
            yield seat
        finally:
            del self._seats[id(seat)]
            if not self._seats:
                self._news.set()

    async def turn(self, seat: Seat, pause_seconds: float) -> None:
        """Wait for the turn of a seat, which asks for it after a pause."""
        if self._is_broken:
            await asyncio.sleep(pause_seconds)
            return
        if seat.is_woken:
            seat.is_woken = False
            return
        seat.wait.postpone(self._clock.now(), pause_seconds)
        seat.turn_comes = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="bedrock-rft-poller")
            self._task.add_done_callback(self._stopped)
        elif seat.wait.due_at < self._wakes_at:
            self._news.set()
        try:
            await seat.turn_comes
        finally:
            seat.turn_comes = None

    def wanted(self) -> frozenset[str]:
        """The jobs that somebody waits for."""
        return frozenset(seat.wait.plan.job_id for seat in self._seats.values())

    def wake(self, job_ids: frozenset[str]) -> None:
        """Let whoever waits for these jobs look at once."""
        now = self._clock.now()
        for seat in self._seats.values():
            if seat.wait.plan.job_id in job_ids:
                seat.wake(now)

    async def _run(self) -> None:
        while self._seats:
            self._news.clear()
            self._wakes_at = min((seat.wait.due_at for seat in self._waiting()), default=float("inf"))
            seconds = self._wakes_at - self._clock.now()
            if seconds > 0:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._news.wait(), min(seconds, 3600.0))
                continue
            self._wakes_at = 0.0
            await asyncio.sleep(self._gather_seconds())
            await self._round()

    def _waiting(self) -> list[Seat]:
        return [seat for seat in self._seats.values() if seat.turn_comes and not seat.turn_comes.done()]

    def _gather_seconds(self) -> float:
        shortest = min((seat.wait.plan.min_poll_seconds for seat in self._seats.values()), default=0.0)
        return min(MAX_GATHER_SECONDS, GATHER_SHARE * shortest)

    async def _round(self) -> None:
        now = self._clock.now()
        seats = {id(seat.wait): seat for seat in self._waiting()}
        planned = plan_round((seat.wait for seat in seats.values()), now)
        for wait in planned.looks:
            seats[id(wait)].call(now)
        if not planned.listed:
            return
        news = await self._news_of(planned)
        now = self._clock.now()
        for wait in planned.listed:
            if wait.plan.job_id in news:
                seats[id(wait)].call(now)

    async def _news_of(self, planned: Round) -> set[str]:
        """Ids of the listed jobs that deserve a look; the other waits are postponed."""
        wanted = {wait.plan.job_id for wait in planned.listed}
        try:
            statuses = await asyncio.to_thread(
                lambda: list_statuses(self._connect(), wanted, created_after=planned.created_after)
            )
        except TransientServiceError:
            self._n_failures += 1
            self._postpone(planned, _BACKOFF.pause(self._n_failures, self._random))
            return set()
        except RftError:
            return wanted  # jobs cannot be listed: everybody looks for itself, and says what it meets
        self._n_failures = 0
        self._postpone(planned)
        return {job_id for job_id, status in statuses.items() if is_news(status)}

    def _postpone(self, planned: Round, seconds: float = 0.0) -> None:
        now = self._clock.now()
        for wait in planned.listed:
            wait.postpone(now, max(seconds, wait.plan.poll_seconds(now)))

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Nobody waits any more, the loop ends; or there is an error in here, which must not keep anybody waiting."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error:
            _LOG.error("The shared poller failed; every wait goes on by itself.", exc_info=error)
            self._is_broken = True
        now = self._clock.now()
        for seat in self._waiting():
            seat.call(now)


def shared_poller(
    key: Hashable,
    connect: Callable[[], TrainingService],
    *,
    clock: Clock,
    random: Random,
    listen: Callable[[], WakeUps] | None = None,
) -> SharedPoller:
    """The running loop's poller of that key."""
    pollers = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    if key not in pollers:
        pollers[key] = SharedPoller(connect, clock=clock, random=random, listen=listen)
    return pollers[key]
