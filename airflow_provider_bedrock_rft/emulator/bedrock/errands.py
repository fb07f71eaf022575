"""Work that nobody awaits: one task per job, begun again by the next process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completions
from airflow_provider_bedrock_rft.emulator.bedrock.events import StateChanges
from airflow_provider_bedrock_rft.emulator.bedrock.receipts import Receipts
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf
from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

if TYPE_CHECKING:
    from collections.abc import Coroutine


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """What jobs over files in S3 need; ``shelf`` is where they stand."""

    shelf: Shelf
    clock: EmulatorClock
    receipts: Receipts
    aws: AwsMount
    completions: Completions
    changes: StateChanges


class Errands:
    """The tasks that run, by the ARN of what they are about."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, arn: str, work: Coroutine[None, None, None]) -> None:
        """Begin some work."""
        task = asyncio.create_task(work, name=arn)
        self._tasks[arn] = task
        task.add_done_callback(lambda _: self._tasks.pop(arn, None))

    async def stop(self, arn: str) -> None:
        """End the work on something, if there is any; it has ended when this returns."""
        task = self._tasks.get(arn)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """End all work."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
