"""``bedrock-rft doctor``: is everything there that a pipeline needs, and if not, what is to be done?"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.colour import painted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.cli.examination import Observation, Subject
    from airflow_provider_bedrock_rft.clients.session import Session

MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "-"}
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "grey"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--aws-conn-id", help="look through this Airflow connection (default: boto3's own credentials)")
    parser.add_argument("--region", default="us-west-2", help="without a connection (default %(default)s)")
    parser.add_argument("--endpoint-url", default="", help="of the emulator, without a connection")
    parser.add_argument("--artifacts", default="", metavar="S3-URI", help="write, list and read a small object there")
    parser.add_argument("--function", default="", help="look for this grader's Lambda function")
    parser.add_argument("--pipeline", default="", help="read this pipeline's champion")
    parser.add_argument("--plane", choices=("mantle", "native"), default="mantle")
    parser.add_argument("--offline", action="store_true", help="look at the installation only")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine; the exit status is 1 when anything failed."""
    from airflow_provider_bedrock_rft.cli.examination import FAILED, Subject, examine_installation

    subject = Subject(artifacts=args.artifacts, function=args.function, pipeline=args.pipeline, plane=args.plane)
    seen = list(examine_installation())
    if not args.offline:
        with redirect_stdout(sys.stderr):  # Airflow logs to standard output
            seen += _examine(args, subject)
    n_failed = sum(observation.state == FAILED for observation in seen)
    sys.stdout.write(_as_json(seen, n_failed) if args.format == "json" else _as_text(seen, n_failed))
    return 1 if n_failed else 0


def _examine(args: argparse.Namespace, subject: Subject) -> Iterator[Observation]:
    from airflow_provider_bedrock_rft.cli.examination import FAILED, examine_access
    from airflow_provider_bedrock_rft.cli.quota_examination import examine_quotas

    sessions: list[Session] = []

    def open_once() -> Session:
        sessions.append(_session(args))
        return sessions[0]

    has_credentials = True
    for observation in examine_access(open_once, subject):
        yield observation
        has_credentials &= observation.step != "credentials" or observation.state != FAILED
    if sessions and has_credentials:
        yield from examine_quotas(sessions[0])


def _session(args: argparse.Namespace) -> Session:
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session

    if args.aws_conn_id:
        from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

        return BedrockRftHook(args.aws_conn_id).session
    return Session(
        ClientConfig(region=args.region, endpoint_url=args.endpoint_url, connect_timeout_seconds=5, max_retries=1)
    )


def _as_text(seen: Sequence[Observation], n_failed: int) -> str:
    width = max(len(observation.step) for observation in seen)
    lines = []
    for observation in seen:
        mark = painted(MARKS[observation.state], COLOURS[observation.state], sys.stdout)
        lines.append(f"{mark} {observation.step:<{width}}  {observation.text}")
        if observation.action:
            lines.append(f"  {'':<{width}}  → {observation.action}")
    lines.append(f"{n_failed} of {len(seen)} failed." if n_failed else "Everything that was looked at is in order.")
    return "\n".join(lines) + "\n"


def _as_json(seen: Sequence[Observation], n_failed: int) -> str:
    steps = [asdict(observation) for observation in seen]
    return json.dumps({"schema": "doctor/1", "passed": not n_failed, "steps": steps}, ensure_ascii=False) + "\n"
