"""A training engine with a grader of the test's own, and the real learner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.faults import Faults
from airflow_provider_bedrock_rft.emulator.mantle.listener import CHECKPOINT, EVENT, JOB, MantleListener
from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings
from airflow_provider_bedrock_rft.emulator.store import Put, Store
from airflow_provider_bedrock_rft.emulator.training.engine import Engine, TrainingEngine
from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OWNER = "123456789012/us-west-2"
SETTINGS = TrainingSettings(
    validating_seconds=0, queued_seconds=0, grader_retry_seconds=0, checkpoint_interval=4, snapshot_interval=3
)


def addition(number: int) -> dict[str, Any]:
    a, b = number % 7 + 2, number // 7 % 9 + 1
    return {
        "messages": [{"role": "user", "content": f"Tom has {a} pens and gets {b} more. How many pens are there now?"}],
        "reference_answer": str(a + b),
        "level": number % 3,
    }


def by_last_number(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def score(sample: dict[str, Any]) -> float:
        text = sample["messages"][-1]["content"]
        return 1.0 if text.strip().rstrip(".").endswith(sample["metadata"]["reference_answer"]) else 0.0

    return [{"id": sample["id"], "aggregate_reward_score": score(sample)} for sample in samples]


@dataclass
class FakeFunctions:
    """Calls a Python function in place of a Lambda; remembers what it was sent."""

    grade: Callable[[list[dict[str, Any]]], Any] = by_last_number
    payloads: list[list[dict[str, Any]]] = field(default_factory=list)

    async def call(self, function: str, payload: bytes, *, account: str, region: str) -> bytes:
        del function, account, region
        self.payloads.append(json.loads(payload))
        answer = self.grade(self.payloads[-1])
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@dataclass
class Bench:
    folder: Path
    functions: FakeFunctions = field(default_factory=FakeFunctions)
    settings: TrainingSettings = SETTINGS
    stores: list[Store] = field(default_factory=list)
    engines: list[TrainingEngine] = field(default_factory=list)
    worker_command: tuple[str, ...] = ()

    def open(self) -> TrainingEngine:
        store = Store(self.folder / "state.db")
        clock = EmulatorClock()
        self.faults = Faults(clock, 1)
        self.store = store
        self.stores.append(store)
        parts = Engine(
            store=store,
            functions=self.functions,
            clock=clock,
            disturbances=self.faults,
            folder=self.folder,
            listeners={"mantle": MantleListener(store, clock)},
            slots=2,
            worker_command=self.worker_command,
        )
        self.engines.append(TrainingEngine(parts))
        return self.engines[-1]

    def plan(self, job_id: str = "job-1", lines: list[Any] | None = None, **changes: Any) -> TrainingPlan:
        lines = [addition(number) for number in range(40)] if lines is None else lines
        text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (self.folder / job_id).write_text("\n".join(text))
        settings = replace(self.settings, min_records=10, **changes.pop("settings", {}))
        fields: dict[str, Any] = {
            "job_id": job_id,
            "plane": "mantle",
            "account": "123456789012",
            "region": "us-west-2",
            "model": "openai.gpt-oss-20b",
            "function": "arn:aws:lambda:us-west-2:123456789012:function:grader:1",
            "dataset": job_id,
            "n_epochs": 1,
            "batch_size": 4,
            "learning_rate_multiplier": 1.0,
            "seed": 7,
            "settings": settings,
        }
        return TrainingPlan(**{**fields, **changes})

    async def submit(self, plan: TrainingPlan) -> None:
        await self.engines[-1].submit(plan, Put(kind=JOB, owner=OWNER, id=plan.job_id, body=b'{"status":"?"}'))

    async def finished(self, job_id: str = "job-1") -> dict[str, Any]:
        while self.job(job_id)["status"] not in {"succeeded", "failed", "cancelled"}:
            await asyncio.sleep(0.005)
        return self.job(job_id)

    async def run(self, plan: TrainingPlan) -> dict[str, Any]:
        await self.submit(plan)
        return await self.finished(plan.job_id)

    def job(self, job_id: str = "job-1") -> dict[str, Any]:
        body = self.store.get(JOB, OWNER, job_id)
        assert body is not None
        return dict(json.loads(body))

    def events(self, job_id: str = "job-1") -> list[dict[str, Any]]:
        page = self.store.page(EVENT, job_id, after=None, limit=10_000, newest_first=False)
        return [json.loads(body) for body in page.bodies]

    def metrics(self, job_id: str = "job-1") -> list[dict[str, Any]]:
        return [event["data"] for event in self.events(job_id) if event["type"] == "metrics"]

    def checkpoints(self, job_id: str = "job-1") -> list[dict[str, Any]]:
        page = self.store.page(CHECKPOINT, job_id, after=None, limit=100, newest_first=False)
        return [json.loads(body) for body in page.bodies]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    bench.open()
    yield bench
    for engine in bench.engines:
        await engine.close()
    for store in bench.stores:
        store.close()
