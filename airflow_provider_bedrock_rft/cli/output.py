"""One result, for people or for programs: lines of text, or one JSON object that names its schema."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_format(parser: argparse.ArgumentParser) -> None:
    """Let the person choose."""
    parser.add_argument("--format", choices=("text", "json"), default="text")


def say(args: argparse.Namespace, text: Sequence[str], schema: str, **facts: object) -> None:
    """Print ``text``, or ``facts`` where JSON was asked for; ``schema`` is a name with a version, as ``stack/1``."""
    if args.format == "json":
        lines: Sequence[str] = [json.dumps({"schema": schema, **facts}, ensure_ascii=False)]
    else:
        lines = text
    sys.stdout.write("".join(f"{line}\n" for line in lines))
