"""``bedrock-rft up``: the emulator and Airflow, left running."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.output import add_format, say

if TYPE_CHECKING:
    import argparse

DEFAULT_HOME = Path(".rft/stack")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--home", type=Path, default=DEFAULT_HOME, help="the folder of all it keeps (%(default)s)")
    parser.add_argument("--dags", type=Path, default=None, help="folder of DAGs (default: the example DAGs)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start what does not run yet, and print where it is."""
    from airflow_provider_bedrock_rft.cli.folder import claim
    from airflow_provider_bedrock_rft.cli.laptop import prepare_account
    from airflow_provider_bedrock_rft.cli.stack import USERNAME, example_dags, open_stack

    home = args.home.resolve()
    lock = claim(home)
    if lock is None:
        print(f"bedrock-rft: another command is using {home}.", file=sys.stderr)
        return 1
    stack = open_stack(home, (args.dags or example_dags()).resolve())
    with lock:
        if all(stack.is_running(name) for name in stack.parts):
            print("It is running already.", file=sys.stderr)
        else:
            stack.stop()
            stack.start()
        prepare_account(stack)
    text = [
        f"Airflow   {stack.airflow_url}   user {USERNAME}   password {stack.password}",
        f"Emulator  {stack.emulator_url}   (Bedrock, S3, Lambda, IAM, STS, SSM, CloudWatch)",
        f"Folder    {home}\nStop it with: bedrock-rft down --home {args.home}   (or: make down)",
    ]
    say(
        args,
        text,
        "stack/1",
        airflow_url=stack.airflow_url,
        username=USERNAME,
        password=stack.password,
        emulator_url=stack.emulator_url,
        home=str(home),
    )
    return 0
