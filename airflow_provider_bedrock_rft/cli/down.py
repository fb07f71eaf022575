"""``bedrock-rft down``: stops what ``bedrock-rft up`` started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.output import add_format, say
from airflow_provider_bedrock_rft.cli.up import DEFAULT_HOME

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME, help="the folder given to `up` (%(default)s)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stop all its processes; none running is no error."""
    from airflow_provider_bedrock_rft.cli.stack import example_dags, open_stack

    home = args.home.resolve()
    if not (home / "stack.json").exists():
        say(args, [f"Nothing was started in {home}."], "stack/1", home=str(home), stopped=[])
        return 0
    stack = open_stack(home, example_dags())
    running = [name for name in stack.processes if stack.is_running(name)]
    stack.stop()
    text = f"Stopped: {', '.join(running)}." if running else "Nothing was running."
    say(args, [text], "stack/1", home=str(home), stopped=running)
    return 0
