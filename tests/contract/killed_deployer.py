"""Deploys graders in processes that are killed, and tells what a rerun makes of it. A script, run by a test.

``python killed_deployer.py URL SCENARIO`` prints a JSON line per case. Every case forks a worker that deploys and is
killed (SIGKILL, by itself, in the middle of the SDK) once the reply of its n-th request has come in; its state is then
the same as with the kill just before the next request. The parent deploys again and looks at what is there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.session import Session
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.grader.package import GraderPackage, GraderSource, build_package
from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings, deploy_grader

REGION = "us-west-2"
MAX_REQUESTS = 40
Hook = Callable[..., Any]


@dataclass
class Executioner:
    """Kills its process after so many replies, or after the first one to an operation."""

    after: int = 0
    operation: str = ""
    seen: list[str] = field(default_factory=list)

    def on_reply(self, **event: Any) -> None:
        self.seen.append(event["event_name"].rpartition(".")[2])
        if len(self.seen) == self.after or self.seen[-1] == self.operation:
            os.kill(os.getpid(), signal.SIGKILL)


def session_of(url: str, **hooks: Hook) -> Session:
    def keys() -> boto3.session.Session:
        made = boto3.session.Session("AKIALOCALEMULATOR001", "local-emulator-secret", region_name=REGION)
        for event, hook in hooks.items():
            made.events.register(event.replace("_", "-"), hook)
        return made

    made = Session(ClientConfig(region=REGION, endpoint_url=url, session_factory=keys))
    assert made.functions
    assert made.roles  # built before any fork, and connected after it
    return made


def package(reply: str) -> GraderPackage:
    entry = f"{{'id': s['id'], 'aggregate_reward_score': {reply}}}"
    code = f"def lambda_handler(event, context): return [{entry} for s in event]\n"
    return build_package(GraderSource(origin="g.py", files={"g.py": code.encode()}, handler="g.lambda_handler"))


class HastyClock(SystemClock):
    """The system's clock, with pauses of a tenth: the service before us is on this machine."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 10)


def deploy(session: Session, name: str, reply: str, memory_mb: int = 512) -> str:
    settings = GraderSettings(function_name=name, memory_mb=memory_mb, wait_seconds=60.0)
    return deploy_grader(session.functions, session.roles, package(reply), settings, HastyClock()).arn


def in_a_worker(work: Callable[[], object]) -> int:
    """The status of a forked process that did ``work``; negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(session: Session, name: str, arn: str) -> dict[str, object]:
    functions = session.functions
    live = functions.get(name, qualifier="live")
    replies = {package(reply).code_sha256: float(reply) for reply in ("1.0", "2.0", "3.0")}
    found = {version.version: replies[version.code_sha256] for version in functions.versions(name)}
    return {"version": arn.rpartition(":")[2], "live": live.version if live else "", "replies": found}


def every_request(url: str, prepare: Callable[[Session, str], object], work: Callable[[Session, str], str]) -> None:
    executioner = Executioner()
    victim, survivor = session_of(url, response_received=executioner.on_reply), session_of(url)
    for executioner.after in range(1, MAX_REQUESTS):
        name = f"killed-{uuid.uuid4().hex[:12]}"
        prepare(survivor, name)
        status = in_a_worker(lambda: work(victim, name))  # noqa: B023 -- called at once
        arn = work(survivor, name)
        say({"after": executioner.after, "status": status, **outcome(survivor, name, arn)})
        if status != -signal.SIGKILL:
            return


def first(url: str) -> None:
    every_request(url, lambda *_: None, lambda session, name: deploy(session, name, "1.0"))


def again(url: str) -> None:
    every_request(
        url,
        lambda session, name: deploy(session, name, "1.0"),
        lambda session, name: deploy(session, name, "2.0", memory_mb=1024),
    )


def stray(url: str) -> None:
    """The endpoint does not compare digests, another deployment gets between, and the worker dies on the reply."""
    name, survivor, intruder = f"killed-{uuid.uuid4().hex[:12]}", session_of(url), session_of(url)
    deploy(survivor, name, "1.0")

    def intrude(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        intruder.functions.update_code(name, package("3.0").zip_bytes)
        return {key: value for key, value in params.items() if key != "CodeSha256"}

    executioner = Executioner(operation="PublishVersion")
    hooks: dict[str, Hook] = {
        "provide_client_params.lambda.PublishVersion": intrude,
        "response_received": executioner.on_reply,
    }
    status = in_a_worker(lambda: deploy(session_of(url, **hooks), name, "2.0"))
    left = outcome(survivor, name, "")
    arn = deploy(survivor, name, "2.0")
    say({"left": left, "status": status, **outcome(survivor, name, arn)})


def race(url: str) -> None:
    """Four workers deploy three contents to one function at once; one of them is killed on its way."""
    name = f"killed-{uuid.uuid4().hex[:12]}"
    workers = []
    for reply, after in (("1.0", 0), ("2.0", 0), ("3.0", 0), ("2.0", 9)):
        if (child := os.fork()) == 0:
            deploy(session_of(url, response_received=Executioner(after=after).on_reply), name, reply)
            os._exit(0)
        workers.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in workers]
    survivor = session_of(url)
    arns = {reply: deploy(survivor, name, reply) for reply in ("1.0", "2.0", "3.0")}
    say({"statuses": statuses, "arns": arns, **outcome(survivor, name, arns["3.0"])})


def say(case: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(case) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"first": first, "again": again, "stray": stray, "race": race}[sys.argv[2]](sys.argv[1])
