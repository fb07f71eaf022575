"""``bedrock-rft dataset``: check, split, describe, and make datasets from invocation logs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.output import add_format

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ERRORS_FOUND, USAGE_ERROR = 1, 2
TARGETS = ("mantle", "native", "sagemaker")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _configure_check(commands.add_parser("check", help="find every fault, each with its line and what to do"))
    _configure_split(commands.add_parser("split", help="divide into parts that share no prompt"))
    _configure_stats(commands.add_parser("stats", help="lengths, references, and what follows for a job"))
    _configure_logs(commands.add_parser("from-invocation-logs", help="make records of Bedrock's invocation logs"))


def _configure_check(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Exit status: 0 no errors, 1 errors found, 2 bad usage."
    _add_files(parser, nargs="+")
    for split in ("evaluation", "validation", "test"):
        parser.add_argument(
            f"--{split}", nargs="+", action="extend", default=[], metavar="FILE", help=f"{split} data to compare with"
        )
    parser.add_argument("--target", action="append", choices=TARGETS, help="whose rules apply; may be repeated")
    parser.add_argument("--grader", metavar="PATH.py:FUNCTION", help="run it on every reference: it must score the top")
    parser.add_argument("--top-score", type=float, default=1.0, help="what --grader must give (default 1)")
    parser.add_argument("--max-prompt-tokens", type=int, metavar="N", help="longest prompt")
    _add_tokenizer(parser)
    parser.add_argument("--previous", type=Path, metavar="MANIFEST", help="of the dataset accepted before")
    parser.add_argument("--manifest", type=Path, metavar="OUT", help="write this dataset's manifest there")
    parser.add_argument("--no-near", action="store_true", help="do not look for near duplicates")
    parser.add_argument("--no-privacy", action="store_true", help="do not look for secrets and personal data")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text")
    parser.add_argument("--max-findings", type=int, default=0, metavar="N", help="show at most N (0: all, the default)")
    parser.add_argument("--fix", type=Path, metavar="OUT", help="write a mended copy there, then check that")
    parser.set_defaults(run=_lazily("check"))


def _configure_split(parser: argparse.ArgumentParser) -> None:
    _add_files(parser, nargs="+")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="gets one JSONL file per part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fractions", default="train=0.8,validation=0.1,test=0.1", metavar="NAME=SHARE,…")
    parser.add_argument("--group-by", metavar="KEY", help="metadata key of records that stay together")
    parser.add_argument("--stratify-by", metavar="KEY", help="metadata key whose values are spread evenly")
    parser.add_argument(
        "--readiness",
        type=Path,
        metavar="FILE",
        help="the difficulty file of `readiness`, or a JSON object: record id to mean reward",
    )
    parser.add_argument("--order", choices=("given", "curriculum"), default="given", help="curriculum: easiest first")
    add_format(parser)
    parser.set_defaults(run=_lazily("split"))


def _configure_stats(parser: argparse.ArgumentParser) -> None:
    _add_files(parser, nargs="+")
    _add_tokenizer(parser)
    parser.add_argument("--batch-size", type=int, default=4, help="for steps and checkpoints (default 4)")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text")
    parser.set_defaults(run=_lazily("stats"))


def _configure_logs(parser: argparse.ArgumentParser) -> None:
    _add_files(parser, nargs="+")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--metadata", action="append", default=[], metavar="KEY=VALUE", help="must hold; repeatable")
    parser.add_argument("--not-metadata", action="append", default=[], metavar="KEY=VALUE", help="must not hold")
    parser.add_argument("--any-metadata", action="append", default=[], metavar="KEY=VALUE", help="one must hold")
    parser.add_argument("--model", action="append", default=[], help="part of the model id; repeatable")
    parser.add_argument("--since", metavar="TIME", help="ISO 8601; earliest")
    parser.add_argument("--until", metavar="TIME", help="ISO 8601; not included")
    parser.add_argument("--keep-completion", action="store_true", help="make the logged completion the reference")
    add_format(parser)
    parser.set_defaults(run=_lazily("from_logs"))


def _add_tokenizer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tokenizer",
        metavar="FILE",
        help="tokenizer.json or *.tiktoken of the model, to count tokens; without it an upper bound is used",
    )


def _add_files(parser: argparse.ArgumentParser, *, nargs: str) -> None:
    parser.add_argument(
        "files", nargs=nargs, metavar="FILE", help="JSONL, CSV, Parquet; .gz, .zst; s3://object or prefix/"
    )
    table = parser.add_argument_group("tables")
    table.add_argument("--prompt-column", default="prompt", metavar="NAME")
    table.add_argument("--reference-column", default="reference_answer", metavar="NAME")
    table.add_argument("--system-column", default="", metavar="NAME")
    table.add_argument("--id-column", default="", metavar="NAME")
    aws = parser.add_argument_group("S3")
    aws.add_argument("--region", metavar="REGION", help="default: AWS_REGION")
    aws.add_argument("--endpoint-url", default="", metavar="URL", help="of an emulator")


def _lazily(name: str) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        from airflow_provider_bedrock_rft.cli import dataset_commands
        from airflow_provider_bedrock_rft.core.errors import InvalidDataset, InvalidGrader, InvalidInput

        command: Callable[[argparse.Namespace, ExitStack], int] = getattr(dataset_commands, name)
        try:
            with ExitStack() as stack:
                return command(args, stack)
        except (InvalidDataset, InvalidGrader) as error:
            print(f"bedrock-rft dataset: {error}", file=sys.stderr)
            return ERRORS_FOUND if isinstance(error, InvalidDataset) else USAGE_ERROR
        except InvalidInput as error:
            print(f"bedrock-rft dataset: {error}", file=sys.stderr)
            return USAGE_ERROR

    return run
