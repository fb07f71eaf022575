"""A grader redeployed under a running job: the job before the emulator trains on, by the version it was given."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.grader.package import GraderPackage, build_package
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader
from airflow_provider_bedrock_rft.grading.source import read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Emulator

FIRST, SECOND = 0.25, 0.75
PATIENCE_SECONDS = 120.0


@dataclass
class Workshop:
    """One function, and jobs that train with it."""

    session: Session
    folder: Path
    file_id: str
    function_name: str
    started: list[str] = field(default_factory=list)

    def deploy(self, reward: float) -> DeployedGrader:
        settings = GraderSettings(function_name=self.function_name)
        return deploy_grader(self.session.functions, self.session.roles, self.package(reward), settings, SystemClock())

    def package(self, reward: float) -> GraderPackage:
        path = self.folder / "constant.py"
        path.write_text(f"def grade(completion): return {reward}\n", encoding="utf-8")
        return build_package(read_source(str(path)))

    def start(self, grader_arn: str) -> str:
        spec = JobSpec(
            model="openai.gpt-oss-20b",
            training_data=self.file_id,
            grader_arn=grader_arn,
            hyperparameters=RftHyperparameters(n_epochs=50, batch_size=16, learning_rate_multiplier=1.0),
        )
        self.started.append(self.session.training.create_job(spec, token=uuid.uuid4().hex).job_id)
        return self.started[-1]

    def rewards(self, job_id: str) -> tuple[float, ...]:
        return Curve().extended(self.session.training.list_events(job_id)).series("reward")

    def wait_for(self, job_id: str, holds: Callable[[tuple[float, ...]], bool]) -> tuple[float, ...]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds(found := self.rewards(job_id)):
            job = self.session.training.get_job(job_id)
            assert job.finished_at is None, f"the job ended too early: {job}"
            assert time.monotonic() < deadline, f"rewards so far: {found}"
            time.sleep(0.05)
        return found


@pytest.fixture
def workshop(emulator: Emulator, dataset: Path, tmp_path: Path) -> Iterator[Workshop]:
    """Jobs start at once and take their time over every step."""
    emulator.control("PATCH", "settings", queued_seconds=0.05, step_seconds=0.1)
    session = emulator.session()
    file = session.training.upload_file(dataset, name=f"rft-redeployed-{uuid.uuid4().hex[:8]}.jsonl")
    made = Workshop(session, tmp_path, file.file_id, f"redeployed-{uuid.uuid4().hex[:8]}")
    yield made
    for job_id in made.started:
        session.training.cancel_job(job_id)
    emulator.control("PATCH", "settings", queued_seconds=1e6, step_seconds=0.0)


def test_a_redeploy_during_a_running_job_changes_nothing_for_that_job(workshop: Workshop) -> None:
    first = workshop.deploy(FIRST)
    pinned, loose = workshop.start(first.arn), workshop.start(first.arn.rpartition(":")[0] + ":live")
    for job_id in (pinned, loose):
        assert set(workshop.wait_for(job_id, lambda found: len(found) >= 2)) == {FIRST}

    second = workshop.deploy(SECOND)
    assert (second.version, second.reused) == ("2", False)

    swapped = workshop.wait_for(loose, lambda found: SECOND in found)  # the witness: the swap did reach running jobs
    assert FIRST in swapped
    n_before = len(workshop.rewards(pinned))
    assert set(workshop.wait_for(pinned, lambda found: len(found) >= n_before + 3)) == {FIRST}
    assert workshop.session.training.get_job(pinned).finished_at is None


def test_what_the_job_holds_outlives_code_alias_and_latest(workshop: Workshop) -> None:
    """Whoever updates the function by hand, past this package, cannot reach the version either."""
    first = workshop.deploy(FIRST)
    job_id = workshop.start(first.arn)
    workshop.wait_for(job_id, lambda found: len(found) >= 1)
    workshop.session.functions.update_code(workshop.function_name, workshop.package(SECOND).zip_bytes)
    n_before = len(workshop.rewards(job_id))
    assert set(workshop.wait_for(job_id, lambda found: len(found) >= n_before + 3)) == {FIRST}
