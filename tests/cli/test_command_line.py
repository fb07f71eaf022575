"""The command line as a whole: help that teaches, completion, colours, Airflow's own command line."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft import __version__, cli
from airflow_provider_bedrock_rft.cli.colour import painted
from airflow_provider_bedrock_rft.cli.completion import SHELLS
from airflow_provider_bedrock_rft.cli.teaching import EXAMPLES, children
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])


def every_command() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    todo = [(group, cli.command_parser(group)) for group in cli.GROUPS if group != "emulator"]
    while todo:
        name, parser = todo.pop()
        yield name, parser
        todo += [(f"{name} {child}", inner) for child, inner, _ in children(parser)]


COMMANDS = dict(every_command())
LINES = [
    pytest.param(line.removeprefix('eval "$(').removesuffix(')"'), id=f"{command or 'first page'}: {what}")
    for command, examples in EXAMPLES.items()
    for what, line in examples
]


def test_every_command_has_examples_and_no_example_is_of_none() -> None:
    assert set(EXAMPLES) - {"", "emulator"} == set(COMMANDS)


@pytest.mark.parametrize("line", LINES)
def test_every_example_parses(line: str) -> None:
    words = shlex.split(line.split(" > ", maxsplit=1)[0])
    assert words[0] == "bedrock-rft"
    cli._parser_for(words[1:]).parse_args(words[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_it_is_for_and_shows_how(command: str) -> None:
    text = COMMANDS[command].format_help()
    assert COMMANDS[command].description
    assert "\nexamples:\n  # " in text


def test_the_first_page_leads_through_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert [group for group in cli.GROUPS if f"    {group}" not in text] == []
    assert "bedrock-rft demo\n" in text


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"bedrock-rft {__version__}\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_what_it_needs_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    assert "bedrock-rft" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("bedrock-rft comp", {"compare", "completion"}),
        ("bedrock-rft dataset s", {"split", "stats"}),
        ("bedrock-rft dataset check --f", {"--fix", "--format"}),
        ("bedrock-rft doctor --plane ", {"mantle", "native"}),
    ],
)
def test_a_shell_is_answered(line: str, wanted: set[str]) -> None:
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    script = "import sys; from airflow_provider_bedrock_rft.cli import main; sys.exit(main())"
    program = [sys.executable, "-c", script]
    answered = subprocess.run(
        ["/bin/bash", "-c", f"exec 8>&1 9>/dev/null; {shlex.join(program)}"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert {word.strip() for word in answered.stdout.split("\n") if word.strip()} == wanted, answered.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert painted("no", "red", Terminal()) == "\x1b[31mno\x1b[0m"
    assert painted("no", "red", io.StringIO()) == "no"
    monkeypatch.setenv("TERM", "dumb")
    assert painted("no", "red", Terminal()) == "no"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("no", "red", Terminal()) == "no"


def test_an_error_of_ours_is_one_sentence_and_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_args: argparse.Namespace) -> int:
        raise InvalidInput("That is no dataset.", action="Give another.")

    assert cli.run(argparse.Namespace(run=refuse)) == 1
    assert capsys.readouterr().err == "bedrock-rft: That is no dataset. Give another.\n"


@pytest.mark.skipif(AIRFLOW < (3, 2), reason="Airflow 3.1 takes no commands from providers")
def test_airflows_own_command_line_has_the_same_commands() -> None:
    from airflow.cli.cli_config import ActionCommand, GroupCommand

    from airflow_provider_bedrock_rft.cli.airflow_commands import ELSEWHERE, commands

    (ours,) = commands()
    found = {}

    def collect(command: ActionCommand | GroupCommand, path: str) -> None:
        found[path] = command
        for inner in command.subcommands if isinstance(command, GroupCommand) else ():
            collect(inner, f"{path} {inner.name}".strip())

    collect(ours, "")
    assert set(found) - {""} == {name for name in COMMANDS if name.split()[0] not in ELSEWHERE}
    for name, command in found.items():
        if name and isinstance(command, ActionCommand):
            parser = argparse.ArgumentParser()
            for argument in command.args:
                argument.add_to_parser(parser)
            for _, line in EXAMPLES[name]:
                words = shlex.split(line)[1 + len(name.split()) :]
                mine = vars(COMMANDS[name].parse_args(words))
                theirs = vars(parser.parse_args(words))
                assert {key: value for key, value in mine.items() if key in theirs} == theirs, line


@pytest.mark.skipif(AIRFLOW < (3, 2), reason="Airflow 3.1 takes no commands from providers")
def test_it_runs_from_airflows_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.cli.cli_config import GroupCommand

    from airflow_provider_bedrock_rft.cli.airflow_commands import commands

    (ours,) = commands()
    assert isinstance(ours, GroupCommand)
    doctor = next(command for command in ours.subcommands if command.name == "doctor")
    parser = argparse.ArgumentParser()
    for argument in doctor.args:
        argument.add_to_parser(parser)
    with pytest.raises(SystemExit) as ended:
        doctor.func(parser.parse_args(["--offline"]))
    assert ended.value.code == 0
    assert capsys.readouterr().out.endswith("Everything that was looked at is in order.\n")
