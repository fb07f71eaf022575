"""Colours, for people at terminals only: a file, a pipe and ``NO_COLOR`` get plain text."""

from __future__ import annotations

import os
from typing import TextIO

CODES = {"red": 31, "green": 32, "yellow": 33, "grey": 90}


def takes_colour(stream: TextIO) -> bool:
    """True for a terminal whose user did not decline (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, colour: str, stream: TextIO) -> str:
    """``text`` in that colour where ``stream`` takes colours, else unchanged."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if takes_colour(stream) else text
