"""``bedrock-rft grader``: try, package, deploy and invoke a reward function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.output import add_format, say
from airflow_provider_bedrock_rft.core.grader.package import PYTHON_VERSION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.clients.session import Session
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
    from airflow_provider_bedrock_rft.core.grader.trial.report import TrialReport
    from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings

FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _configure_test(
        commands.add_parser("test", help="run a grader through the test bench; the exit status is its verdict")
    )
    package = commands.add_parser("package", help="build the Lambda package and print its SHA-256")
    _add_source(package)
    package.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="where to write it")
    add_format(package)
    package.set_defaults(run=_package)
    _configure_deploy(commands.add_parser("deploy", help="publish a grader as an immutable version; prints its ARN"))
    invoke = commands.add_parser("invoke", help="score a dataset's references with a deployed grader")
    invoke.add_argument("arn", help="ARN of the function, with a version")
    invoke.add_argument("--dataset", type=Path, required=True, help="records as JSON lines")
    invoke.add_argument("--limit", type=int, default=16, help="records sent (default %(default)s, 0 for all)")
    _add_place(invoke)
    add_format(invoke)
    invoke.set_defaults(run=_invoke)


def _configure_test(parser: argparse.ArgumentParser) -> None:
    _add_source(parser)
    parser.add_argument("--dataset", type=Path, required=True, help="records as JSON lines")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text")
    parser.add_argument("--limit", type=int, default=200, help="records tried (default %(default)s, 0 for all)")
    _add_trial(parser)
    parser.set_defaults(run=_test)


def _configure_deploy(parser: argparse.ArgumentParser) -> None:
    _add_source(parser, is_optional=True)
    parser.add_argument("--image-uri", default="", help="a container image in ECR, by its digest, instead of a file")
    parser.add_argument("--function-name", required=True, help="of the Lambda function")
    add_format(parser)
    parser.add_argument("--role-arn", default="", help="execution role; without it one is made")
    parser.add_argument("--tier", choices=("bedrock", "sagemaker", "hyperpod"), default="bedrock")
    parser.add_argument("--reserved-concurrency", type=int, default=0, metavar="N", help="executions kept for it")
    parser.add_argument("--alias", default="live", help="moved to the new version (default %(default)s)")
    parser.add_argument("--layer", action="append", default=[], metavar="ARN", help="of a layer version")
    parser.add_argument("--packages-uri", default="", metavar="s3://…", help="by way of which packages above 50 MB go")
    parser.add_argument("--judge-model", action="append", default=[], metavar="ARN", help="that a judge may ask")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="labelled completions a judge has to agree with"
    )
    parser.add_argument(
        "--allow-uncalibrated-judge", action="store_true", help="deploy a judge that nobody has held to people"
    )
    parser.add_argument("--dataset", type=Path, help="records to try the grader on, before and after; a failure stops")
    parser.add_argument("--limit", type=int, default=200, help="records tried (default %(default)s, 0 for all)")
    _add_trial(parser)
    _add_place(parser)
    parser.set_defaults(run=_deploy)


def _add_source(parser: argparse.ArgumentParser, *, is_optional: bool = False) -> None:
    how_many: dict[str, str] = {"nargs": "?", "default": ""} if is_optional else {}
    parser.add_argument("grader", metavar="PATH.py[:NAME]", help="the file, and the function in it", **how_many)  # type: ignore[arg-type]
    parser.add_argument(
        "--requirement", action="append", default=[], metavar="NAME[==VERSION]", help="a package it needs"
    )
    parser.add_argument(
        "--layered", action="append", default=[], metavar="NAME[==VERSION]", help="a package that a layer provides"
    )
    parser.add_argument(
        "--python",
        default=PYTHON_VERSION,
        metavar="VERSION",
        help="of the Lambda runtime; unless told otherwise this Python's, where Lambda has it",
    )


def _add_trial(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=int, default=300, metavar="SECONDS", help="of the Lambda (default %(default)s)"
    )
    parser.add_argument("--memory", type=int, default=512, metavar="MB", help="of the Lambda (default %(default)s)")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="environment variable of the Lambda"
    )
    parser.add_argument("--answer-key", default="", help="field of a record that holds a right completion")
    parser.add_argument("--skip", action="append", default=[], metavar="CODE", help="a check that does not apply")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", default="us-west-2")
    parser.add_argument("--endpoint-url", default="", help="of the emulator; without it AWS")


def _test(args: argparse.Namespace) -> int:
    from airflow_provider_bedrock_rft.core.grader.trial.report import to_html, to_json, to_text

    report = _try_out(args)
    print({"text": to_text, "json": to_json, "html": to_html}[args.format](report))
    return 0 if report.passed else FAILED


def _package(args: argparse.Namespace) -> int:
    from airflow_provider_bedrock_rft.grading.workshop import pack

    package = pack(args.grader, requirements=args.requirement, python_version=args.python, layered=args.layered)
    args.out.write_bytes(package.zip_bytes)
    say(args, [package.sha256], "grader-package/1", sha256=package.sha256, path=str(args.out))
    return 0


def _deploy(args: argparse.Namespace) -> int:
    from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
    from airflow_provider_bedrock_rft.core.codec import dump
    from airflow_provider_bedrock_rft.grading.service import Order, Place, put_into_service

    order = Order(
        settings=_settings(args),
        source=args.grader,
        image_uri=args.image_uri,
        requirements=args.requirement,
        layered=args.layered,
        python_version=args.python,
        records=_records(args.dataset, args.limit) if args.dataset else (),
        trial=_trial_settings(args),
        judge_models=args.judge_model,
        labelled=_records(args.calibration, 0) if args.calibration else (),
        allows_uncalibrated=args.allow_uncalibrated_judge,
    )
    session = _session(args)
    place = Place(functions=session.functions, roles=session.roles, objects=session.objects, clock=SystemClock())
    done = put_into_service(order, place)
    print("\n".join(done.sentences()), file=sys.stderr)
    say(args, [done.deployed.arn], "grader-deployment/1", **dump(done.deployed))
    return 0


def _settings(args: argparse.Namespace) -> GraderSettings:
    from airflow_provider_bedrock_rft.core.grader.tier import Tier
    from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings

    return GraderSettings(
        function_name=args.function_name,
        role_arn=args.role_arn,
        timeout_seconds=args.timeout,
        memory_mb=args.memory,
        environment=_environment(args.env),
        layers=tuple(args.layer),
        alias=args.alias,
        tier=Tier(args.tier),
        reserved_concurrency=args.reserved_concurrency,
        packages_uri=args.packages_uri,
    )


def _invoke(args: argparse.Namespace) -> int:
    from airflow_provider_bedrock_rft.core.steps.grader_versions import invoke_grader
    from airflow_provider_bedrock_rft.grading.service import reference_samples

    samples = reference_samples(_records(args.dataset, args.limit))
    found = invoke_grader(_session(args).functions, args.arn, samples)
    scores = {sample_id: score.value for sample_id, score in found.items()}
    say(args, [f"{name}\t{value!r}" for name, value in scores.items()], "grader-scores/1", scores=scores)
    return 0


def _try_out(args: argparse.Namespace) -> TrialReport:
    from airflow_provider_bedrock_rft.grading.workshop import try_out

    return try_out(
        args.grader,
        _records(args.dataset, args.limit),
        _trial_settings(args),
        requirements=[*args.requirement, *args.layered],
        environment=_environment(args.env),
        python_version=args.python,
    )


def _trial_settings(args: argparse.Namespace) -> TrialSettings:
    from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings

    return TrialSettings(
        max_records=args.limit,
        timeout_seconds=args.timeout,
        memory_mb=args.memory,
        answer_key=args.answer_key,
        skipped=frozenset(args.skip),
    )


def _records(path: Path, limit: int) -> list[Record]:
    from itertools import islice

    from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records
    from airflow_provider_bedrock_rft.core.errors import InvalidDataset

    try:
        with path.open("rb") as stream:
            return list(islice(read_records(stream, file=str(path)), limit or None))
    except OSError as error:
        raise InvalidDataset(f"The dataset {path} cannot be read: {error.strerror}.") from None


def _environment(assignments: Sequence[str]) -> dict[str, str]:
    from airflow_provider_bedrock_rft.core.errors import InvalidGrader

    for assignment in assignments:
        if "=" not in assignment:
            raise InvalidGrader(f"--env {assignment}: there is no '='.", action="Write NAME=VALUE.")
    return dict(assignment.split("=", 1) for assignment in assignments)


def _session(args: argparse.Namespace) -> Session:
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session

    return Session(ClientConfig(region=args.region, endpoint_url=args.endpoint_url))
