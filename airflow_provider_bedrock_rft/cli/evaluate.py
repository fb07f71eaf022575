"""``bedrock-rft evaluate``: a model's scores on a dataset, by the deployed grader or by one run here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_provider_bedrock_rft.clients.session import Session
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_subject(parser, completions=1)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.jsonl",
        help="also write the scored completions here, for `bedrock-rft compare`",
    )
    parser.add_argument("--batch-role", default="", metavar="ARN", help="ask in batch with this role (native plane)")
    parser.add_argument("--batch-from", type=int, default=1000, metavar="N", help="missing completions (default 1000)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate a model; what was answered before is not asked again."""
    from airflow_provider_bedrock_rft.cli.evaluate_grader import grader_of
    from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
    from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess
    from airflow_provider_bedrock_rft.core.steps.evaluation import evaluate_model

    session, settings = session_of(args), settings_of(args)
    settings = replace(settings, batch_role_arn=args.batch_role, batch_from=args.batch_from)
    with grader_of(session, args.grader) as (functions, arn):
        found = evaluate_model(
            session.runtime,
            functions,
            session.objects,
            model=args.model,
            grader_arn=arn,
            records=records_of(args.dataset, args.limit),
            artifacts_uri=args.artifacts,
            clock=SystemClock(),
            settings=settings,
            on_progress=show_progress,
            batch=BatchAccess(service=session.batch) if args.batch_role else None,
        )
    if args.out:
        _write(args.out, session.objects.get(found.uri))
    sys.stdout.write(_as_json(found) if args.format == "json" else _as_text(found))
    return 0


def add_subject(parser: argparse.ArgumentParser, *, completions: int) -> None:
    """Add what is evaluated, how and where; shared with ``readiness``."""
    from airflow_provider_bedrock_rft.core.evaluation.settings import APIS

    parser.add_argument("model", help="model or checkpoint id")
    parser.add_argument("--dataset", type=Path, required=True, help="records as JSON lines")
    parser.add_argument(
        "--grader",
        required=True,
        metavar="ARN|FILE.py[:NAME]",
        help="the deployed grader's ARN with a version, or a grader's source to be run here",
    )
    parser.add_argument("--artifacts", required=True, metavar="S3-URI", help="where results are kept as they come")
    parser.add_argument("--limit", type=int, default=0, help="records evaluated (default all)")
    parser.add_argument(
        "--completions", type=int, default=completions, metavar="K", help="per record (default %(default)s)"
    )
    parser.add_argument("--temperature", type=float, help="(default 0 for one completion, 0.7 for several)")
    parser.add_argument("--max-tokens", type=int, default=2048, help="of one completion (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=64, help="requests under way at most (default %(default)s)")
    parser.add_argument("--max-requests", type=int, help="budget; stored answers cost nothing")
    parser.add_argument("--max-cost", type=float, help="budget in the price's currency, stored answers included")
    parser.add_argument(
        "--price", type=float, nargs=2, metavar=("IN", "OUT"), help="per million prompt and completion tokens"
    )
    parser.add_argument("--api", choices=APIS, default=APIS[0], help="way of asking Mantle (default %(default)s)")
    parser.add_argument("--group-key", default="", help="metadata key of records that depend on each other")
    parser.add_argument("--slice-key", action="append", default=[], help="metadata key to break comparisons down by")
    parser.add_argument("--region", default="us-west-2")
    parser.add_argument("--endpoint-url", default="", help="of the emulator; without it AWS")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def settings_of(args: argparse.Namespace) -> EvaluationSettings:
    """The settings that the arguments state."""
    from airflow_provider_bedrock_rft.core.evaluation.cost import Price
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings

    return EvaluationSettings(
        completions_per_sample=args.completions,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        seed=args.seed,
        max_concurrency=args.concurrency,
        max_requests=args.max_requests,
        max_cost=args.max_cost,
        price=Price(prompt=args.price[0], completion=args.price[1]) if args.price else None,
        api=args.api,
        group_key=args.group_key,
        slice_keys=tuple(args.slice_key),
    )


def session_of(args: argparse.Namespace) -> Session:
    """Clients for the place that the arguments name."""
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session

    return Session(ClientConfig(region=args.region, endpoint_url=args.endpoint_url))


def records_of(path: Path, limit: int) -> list[Record]:
    """The first ``limit`` records of a file, all of them for 0."""
    from itertools import islice

    from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records
    from airflow_provider_bedrock_rft.core.errors import InvalidDataset

    try:
        with path.open("rb") as stream:
            return list(islice(read_records(stream, file=str(path)), limit or None))
    except OSError as error:
        raise InvalidDataset(f"The dataset {path} cannot be read: {error.strerror}.") from None


def show_progress(n_done: int, n_wanted: int) -> None:
    """One line that is written over, where a person looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{n_done} of {n_wanted} completions" + ("\n" if n_done >= n_wanted else ""))


def _write(path: Path, data: bytes) -> None:
    from airflow_provider_bedrock_rft.core.errors import InvalidInput

    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from None


def _as_json(found: EvaluationRun) -> str:
    from airflow_provider_bedrock_rft.core.codec import canonical_json, dump

    return canonical_json(dump(found)).decode() + "\n"


def _as_text(found: EvaluationRun) -> str:
    rows = {
        "model": found.model,
        "mean score": found.mean.unsigned if found.mean else "too few samples",
        "samples": f"{found.n_samples} x {found.completions_per_sample} completions",
        "asked now": found.n_requests,
        "truncated": found.n_truncated,
        "completion tokens": f"{found.completion_tokens:,}",
        "cost": "not known: no --price" if found.cost is None else f"{found.cost:.4g}",
        "median latency": f"{found.median_latency_ms:.0f} ms",
        "kept at": found.uri,
    }
    return "".join(f"{name:<18} {value}\n" for name, value in rows.items())
