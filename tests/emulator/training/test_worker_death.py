"""A worker that dies is replaced by one that goes on from the last snapshot; not for ever."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.training.worker import COMMAND, Worker, WorkerDied, WorkerFailure

if TYPE_CHECKING:
    from .conftest import Bench

NOTES_ITS_PID = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); os.execv(sys.argv[2], sys.argv[2:])"


class Assassin:
    """Kills the newest worker when the grader is asked for one of some steps."""

    def __init__(self, bench: Bench, steps: list[int]) -> None:
        self._pids = bench.folder / "pids"
        self._steps = list(steps)
        self._grade = bench.functions.grade
        bench.functions.grade = self._graded
        bench.worker_command = (sys.executable, "-c", NOTES_ITS_PID, str(self._pids), *COMMAND)
        bench.open()

    @property
    def n_workers(self) -> int:
        return len(self._pids.read_text().split())

    def _graded(self, samples: list[dict[str, Any]]) -> Any:
        place = samples[0]["id"].split(":")[1]
        if self._steps and place == str(self._steps[0]) and ":held-out" not in samples[0]["id"]:
            self._steps.pop(0)
            os.kill(int(self._pids.read_text().split()[-1]), signal.SIGKILL)
        return self._grade(samples)


async def test_a_killed_worker_costs_nothing_but_time(bench: Bench) -> None:
    await bench.run(bench.plan("undisturbed"))
    assassin = Assassin(bench, [5, 8, 8])  # snapshots are taken after steps 3, 4, 6, 8 and 9
    job = await bench.run(bench.plan("disturbed"))
    assert job["status"] == "succeeded"
    assert assassin.n_workers == 4
    assert bench.metrics("disturbed") == bench.metrics("undisturbed")
    steps = [checkpoint["step_number"] for checkpoint in bench.checkpoints("disturbed")]
    assert steps == [4, 8, 9]
    lost = [event["message"] for event in bench.events("disturbed") if "worker was lost" in event["message"]]
    assert lost == [
        "The training worker was lost in step 5; training goes on after step 4.",
        "The training worker was lost in step 8; training goes on after step 6.",
        "The training worker was lost in step 8; training goes on after step 6.",
    ]


async def test_a_worker_that_dies_again_and_again_fails_the_job(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    assassin = Assassin(bench, [2] * 10)
    job = await bench.run(bench.plan(settings={"max_worker_restarts": 2}))
    assert (job["status"], job["error"]["code"]) == ("failed", "server_error")
    assert "The worker ended in the middle of the job" in job["error"]["message"]
    assert assassin.n_workers == 3
    assert [record.getMessage() for record in caplog.records if "Training goes on after step 0." in record.getMessage()]


async def test_only_a_worker_that_is_gone_is_replaced() -> None:
    async with Worker() as worker:
        with pytest.raises(WorkerFailure) as refused:
            await worker.ask({"cmd": "no such command"})
        assert not isinstance(refused.value, WorkerDied)
    async with Worker((sys.executable, "-c", "raise SystemExit(7)")) as worker:
        with pytest.raises(WorkerDied, match=r"exit status 7|could not be asked"):
            await worker.ask({"cmd": "init"})
