"""``airflow bedrock-rft …``: the same commands, where Airflow's own command line takes them in (3.2 and newer)."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from airflow_provider_bedrock_rft import cli
from airflow_provider_bedrock_rft.cli.teaching import children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAME = "bedrock-rft"
ELSEWHERE = {"emulator", "completion"}
"""Groups that are a process of their own, or about this command's own name."""
NOT_ARGUMENTS = (argparse._HelpAction, argparse._SubParsersAction, argparse._VersionAction)  # noqa: SLF001
WORDS: Mapping[type[argparse.Action], str] = {argparse._AppendAction: "append", argparse._ExtendAction: "extend"}  # noqa: SLF001


def commands() -> list[ActionCommand | GroupCommand]:
    """What Airflow adds to its command line; called whenever an ``airflow`` command starts."""
    groups = [_command(group, cli.command_parser(group)) for group in cli.GROUPS if group not in ELSEWHERE]
    return [
        GroupCommand(
            name=NAME,
            help="Recurring RFT on Amazon Bedrock",
            description="The pipeline's steps without a DAG run, as the command bedrock-rft has them.",
            subcommands=groups,
        )
    ]


def run(args: argparse.Namespace) -> None:
    """Carry out one command; the process ends with its exit status."""
    sys.exit(cli.run(args))


def _command(name: str, parser: argparse.ArgumentParser) -> ActionCommand | GroupCommand:
    summary = parser.description or ""
    if inner := [_command(child_name, child) for child_name, child, _ in children(parser)]:
        return GroupCommand(name=name, help=summary, subcommands=inner, description=summary, epilog=parser.epilog)
    arguments = list(_arguments(parser))
    return ActionCommand(
        name=name, help=summary, func=_runner(parser), args=arguments, description=summary, epilog=parser.epilog
    )


def _runner(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    defaults = parser._defaults  # noqa: SLF001 -- what set_defaults was given

    def carry_out(args: argparse.Namespace) -> None:
        run(argparse.Namespace(**{**vars(args), **defaults}))

    return carry_out


def _arguments(parser: argparse.ArgumentParser) -> Iterator[Arg]:
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other door to its arguments
        if not isinstance(action, NOT_ARGUMENTS):
            flags = tuple(action.option_strings) or (action.dest,)
            yield Arg(flags, **_details(action))  # type: ignore[no-untyped-call]


def _details(action: argparse.Action) -> Mapping[str, object]:
    """What Airflow's ``Arg`` takes of an argument."""
    shared = {"help": action.help, "default": action.default}
    if action.option_strings:
        shared |= {"dest": action.dest, "required": action.required}
    if isinstance(action, argparse._StoreTrueAction):  # noqa: SLF001
        return {**shared, "action": "store_true"}
    word = {"action": WORDS[type(action)]} if type(action) in WORDS else {}
    given = {"nargs": action.nargs, "type": action.type, "choices": action.choices, "metavar": action.metavar}
    return {**shared, **word, **{name: value for name, value in given.items() if value is not None}}
