"""Every command of ours that README and docs show is one that there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from airflow_provider_bedrock_rft import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(p for p in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in p.parts)]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(bedrock-rft [a-z][^`]*)`")
ENDS = {"|", ">", "2>", "&&", ";", "#"}


def shown(text: str) -> list[str]:
    """Whole commands in code blocks, with continuation lines joined and prompts taken away."""
    blocks = "\n".join(BLOCK.findall(text)).replace("\\\n", " ")
    lines = (line.strip().removeprefix("$ ") for line in blocks.splitlines())
    return [line for line in lines if line.startswith("bedrock-rft ")]


def arguments(command: str) -> list[str]:
    words = shlex.split(command, comments=True)[1:]
    return words[: next((n for n, word in enumerate(words) if word in ENDS), len(words))]


COMMANDS = [
    pytest.param(command, id=f"{page.stem}: {command[:50]}") for page in PAGES for command in shown(page.read_text())
]
MENTIONED = sorted({command for page in PAGES for command in INLINE.findall(BLOCK.sub("", page.read_text()))})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_parses(command: str) -> None:
    words = arguments(command)
    if words[0] != "emulator":  # its command line is its own
        cli._parser_for(words).parse_args(words)


@pytest.mark.parametrize("command", MENTIONED)
def test_a_command_that_is_mentioned_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = arguments(command)
    assert words[0] in cli.GROUPS
    options = [word for word in words if word.startswith("--")]
    if words[0] == "emulator" or not options:
        return
    group = [word for word in words[:2] if not word.startswith("-")]
    with pytest.raises(SystemExit):
        cli._parser_for(words).parse_args([*group, "--help"])
    known = capsys.readouterr().out
    assert [option for option in options if option not in known] == []


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 10
    assert shown("```\n$ bedrock-rft dataset \\\n  check a\n```") == ["bedrock-rft dataset    check a"]
    assert arguments("bedrock-rft dataset check a > b") == ["dataset", "check", "a"]
