"""``bedrock-rft permissions``: what an identity has to be allowed, as IAM policy documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.core.permissions import PipelineNeeds, Statement

WHOSE = ("pipeline", "job-role", "job-role-trust")
MANY = {
    "pipeline": "whose champion is read and moved, such as a dag id",
    "function": "name of a grader's Lambda function",
    "grader-role": "ARN of a given execution role (without it one is made per function)",
    "artifacts": "s3://bucket/prefix that is read and written",
    "input": "s3://bucket/key that is read only, such as a dataset",
    "job-role": "ARN of the role that jobs of the native plane assume",
    "batch-role": "ARN of the role that batch inference assumes",
    "kms-key": "ARN of the key of an encrypted bucket",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--account", required=True, help="twelve digits")
    parser.add_argument("--region", default="us-west-2")
    parser.add_argument("--partition", choices=("aws", "aws-us-gov", "aws-cn"), default="aws")
    parser.add_argument("--dag", type=Path, metavar="FILE", help="read the rest from the DAGs of this file")
    parser.add_argument("--plane", action="append", default=[], choices=("mantle", "native"), help="(default mantle)")
    for name, text in MANY.items():
        parser.add_argument(f"--{name}", action="append", default=[], help=f"{text}; may be repeated")
    parser.add_argument("--clean-up", action="store_true", help="it removes old files, models and grader versions too")
    parser.add_argument(
        "--for",
        dest="whose",
        choices=WHOSE,
        default="pipeline",
        help="whose policy (default: the Airflow connection's)",
    )
    parser.add_argument("--format", choices=("json", "text"), default="json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the policy; what could not be read from the DAG is named on standard error."""
    from airflow_provider_bedrock_rft.core.permissions import (
        job_role_statements,
        job_role_trust,
        pipeline_statements,
        policy_document,
    )

    needs = _needs(args)
    if args.whose == "job-role-trust":
        sys.stdout.write(_json(job_role_trust(needs)))
        return 0
    statements = pipeline_statements(needs) if args.whose == "pipeline" else job_role_statements(needs)
    sys.stdout.write(_text(statements) if args.format == "text" else _json(policy_document(statements)))
    return 0


def _needs(args: argparse.Namespace) -> PipelineNeeds:
    from airflow_provider_bedrock_rft.core.permissions import PipelineNeeds

    found = _found_in(args.dag) if args.dag else {}

    def both(field: str, given: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*given, *found.get(field, ()))))

    return PipelineNeeds(
        account=args.account,
        region=args.region,
        partition=args.partition,
        pipelines=both("pipelines", args.pipeline),
        functions=both("functions", args.function),
        grader_roles=both("grader_roles", args.grader_role),
        artifacts=both("artifacts", args.artifacts),
        inputs=both("inputs", args.input),
        job_roles=both("job_roles", args.job_role),
        batch_roles=both("batch_roles", args.batch_role),
        kms_keys=args.kms_key,
        cleans_up=args.clean_up or bool(found.get("cleans_up")),
        planes=both("planes", args.plane) or ("mantle",),
    )


def _found_in(file: Path) -> Mapping[str, tuple[str, ...]]:
    from airflow_provider_bedrock_rft.cli.dag_file import read_dag_file

    found, unknown = read_dag_file(file)
    for field in unknown:
        sys.stderr.write(f"bedrock-rft: {field} is known only when the task runs; give it as an option.\n")
    return found


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


def _text(statements: Sequence[Statement]) -> str:
    lines = []
    for statement in statements:
        lines += [statement.sid, *(f"  {action}" for action in statement.actions)]
        lines += [f"    on {resource}" for resource in statement.resources]
        lines += [f"    if {name} {value}" for name, value in statement.conditions.items()]
    return "\n".join(lines) + "\n"
