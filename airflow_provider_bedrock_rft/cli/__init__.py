"""``bedrock-rft``: the pipeline's steps without Airflow, for a person at a terminal.

A command group is a module of this package with ``configure(parser)``: it adds its arguments and sub-commands and sets
``run`` (a function from the parsed arguments to an exit status) as a default. Only the group asked for is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft import __version__
from airflow_provider_bedrock_rft.cli.teaching import teach

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS = {
    "dataset": "check, split and describe datasets, and make them from invocation logs",
    "demo": "one whole retraining on this machine, start to end",
    "up": "the emulator and Airflow on this machine, left running",
    "down": "stop what `up` started",
    "readiness": "say before paying whether training can teach a model these prompts",
    "evaluate": "score a model on a dataset with the deployed grader",
    "compare": "compare two sets of scores and decide: promote, hold or reject",
    "lineage": "tell where a model came from and what became of it",
    "diff": "tell what changed from one run to another",
    "grader": "try, package, deploy and invoke a reward function",
    "doctor": "check installation, connection, permissions and quotas, and say what to do",
    "permissions": "the least-privilege policies that a pipeline needs",
    "emulator": "run the embedded stand-in for Bedrock and the AWS services around it",
    "completion": "what a shell needs to complete these commands",
}
"""Command group → one-line help, in the order of the pipeline."""

USAGE_ERROR = 2
COMPLETING = "_ARGCOMPLETE"
"""Set by a shell that asks for completions."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (2 for bad usage)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["emulator"]:  # its command line is its own
        import_module(f"{__name__}.emulator").become(arguments[1:])
    if COMPLETING in os.environ:
        return _complete()
    return run(_parser_for(arguments).parse_args(arguments))


def run(args: argparse.Namespace) -> int:
    """Carry out what was parsed; an error of ours becomes one sentence and status 1."""
    from airflow_provider_bedrock_rft.cli.colour import painted
    from airflow_provider_bedrock_rft.core.errors import RftError

    try:
        status: int = args.run(args)
    except RftError as error:
        print(f"{painted('bedrock-rft:', 'red', sys.stderr)} {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _complete() -> int:
    """Answer a shell that asks how its line may go on."""
    import argcomplete

    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0")) or None]
    argcomplete.autocomplete(_parser_for(line.split()[1:]))
    return 0


def command_parser(group: str) -> argparse.ArgumentParser:
    """The parser of one command group; not of ``emulator``, whose command line is its own."""
    parser = argparse.ArgumentParser(prog=f"bedrock-rft {group}", description=GROUPS[group])
    import_module(f"{__name__}.{group}").configure(parser)
    teach(parser, group)
    return parser


def _parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedrock-rft", description="Recurring RFT on Amazon Bedrock, step by step.")
    parser.add_argument("--version", action="version", version=f"bedrock-rft {__version__}")
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name, summary in GROUPS.items():
        group = groups.add_parser(name, help=summary, description=summary)
        if name == wanted and name != "emulator":
            import_module(f"{__name__}.{name}").configure(group)
    teach(parser)
    return parser
