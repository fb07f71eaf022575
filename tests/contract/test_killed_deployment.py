"""Workers that are really killed while they deploy, before the emulator: a rerun ends in the one right version."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.grader.package import GraderSource, build_package
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader

if TYPE_CHECKING:
    from .conftest import Emulator

DEPLOYER = Path(__file__).with_name("killed_deployer.py")
LAMBDA = "/20[0-9-]+/functions"


def run(emulator: Emulator, scenario: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(DEPLOYER), emulator.url, scenario],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_worker_killed_after_any_request_of_a_first_deployment(emulator: Emulator) -> None:
    *killed, whole = run(emulator, "first")
    assert whole["status"] == 0
    assert len(killed) >= 8, "role, policy, function, wait, publish, alias"
    for case in [*killed, whole]:
        assert (case["version"], case["live"], case["replies"]) == ("1", "1", {"1": 1.0}), case
    assert {case["status"] for case in killed} == {-SIGKILL}


def test_a_worker_killed_after_any_request_of_a_redeployment(emulator: Emulator) -> None:
    *killed, whole = run(emulator, "again")
    assert whole["status"] == 0
    assert len(killed) >= 10, "role, policy, versions, code, configuration, tags, wait, publish, alias"
    for case in [*killed, whole]:
        assert (case["version"], case["live"], case["replies"]) == ("2", "2", {"1": 1.0, "2": 2.0}), case
    assert {case["status"] for case in killed} == {-SIGKILL}


def test_a_worker_killed_between_publishing_a_stray_version_and_removing_it(emulator: Emulator) -> None:
    (case,) = run(emulator, "stray")
    assert case["status"] == -SIGKILL
    assert case["left"]["replies"] == {"1": 1.0, "2": 3.0}, "the stray version was there"
    assert case["left"]["live"] == "1", "and nobody was sent to it"
    assert (case["live"], case["version"]) == ("3", "3")
    assert case["replies"]["3"] == 2.0


def test_deployments_at_once_in_processes_of_their_own_and_one_is_killed(emulator: Emulator) -> None:
    (case,) = run(emulator, "race")
    assert case["statuses"] in ([0, 0, 0, -SIGKILL], [0, 0, 0, 0])  # the fourth may be done before its ninth request
    for reply, arn in case["arns"].items():
        assert case["replies"][arn.rpartition(":")[2]] == float(reply)
    assert len(case["replies"]) == 3, "each content is published once"
    assert case["live"] == case["version"]


@pytest.mark.parametrize(
    "fault",
    [
        {"path": LAMBDA, "status": 429, "code": "TooManyRequestsException", "times": 3},
        {"path": LAMBDA, "status": 500, "code": "ServiceException", "times": 3},
        {"path": LAMBDA, "method": "PUT|POST", "reset": "after", "probability": 0.5, "times": 3},
        {
            "path": f"{LAMBDA}/?$",
            "method": "POST",
            "status": 400,
            "code": "InvalidParameterValueException",
            "message": "The role defined for the function cannot be assumed by Lambda.",
            "times": 2,
        },
    ],
    ids=["throttled", "failing", "replies lost", "role unknown for a while"],
)
def test_a_service_in_trouble_is_outlasted(emulator: Emulator, fault: dict[str, Any]) -> None:
    session = emulator.session(max_retries=0)
    name = f"troubled-{uuid.uuid4().hex[:8]}"
    emulator.control("POST", "faults", **fault)
    first, second = (_deploy(session, name, reply) for reply in ("1.0", "2.0"))
    emulator.control("DELETE", "faults")
    assert (first.version, second.version) == ("1", "2")
    assert [version.version for version in session.functions.versions(name)] == ["1", "2"]
    live = session.functions.get(name, qualifier="live")
    assert live
    assert live.version == "2"


def _deploy(session: Any, name: str, reply: str) -> DeployedGrader:
    entry = f"{{'id': s['id'], 'aggregate_reward_score': {reply}}}"
    code = f"def lambda_handler(event, context): return [{entry} for s in event]\n"
    source = GraderSource(origin="g.py", files={"g.py": code.encode()}, handler="g.lambda_handler")
    settings = GraderSettings(function_name=name, wait_seconds=120.0)
    return deploy_grader(
        session.functions, session.roles, build_package(source), settings, SystemClock(), random=Random(3)
    )
