"""The options a prompt lists: lettered choices and enumerated labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_OPTIONS = 12

_LETTERED = re.compile(r"(?:^|(?<=[\s(]))\(?([A-H])[).:]\s+(.{1,80}?)(?=\s+\(?[B-H][).:]\s|\s*$)", re.MULTILINE)
_ENUMERATED = re.compile(
    r"\[([^\[\]\n]{3,160})\]"
    r"|\b(?:one of|either|labels?|categor(?:y|ies)|options?|choices|classes|as(?! one of))\b(?: are| is)?"
    r"\s*:?\s+(?=([^.\n?:]{3,160}))",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*[/|;,]\s*(?:or\s+|and\s+)?|\s+or\s+")
_TRIM = " \"'`“”<>{}()*-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A listed answer: its ``text`` and, in a lettered list, its ``letter`` (else empty)."""

    text: str
    letter: str = ""


def without_lettered(text: str) -> str:
    """``text`` without its lettered options, so that their figures are not taken for the story's."""
    return _LETTERED.sub(" ", text) if len(_LETTERED.findall(text)) > 1 else text


def find_options(text: str) -> tuple[Option, ...]:
    """The options listed in ``text``, lettered ones first; empty if it lists none."""
    lettered = {match[1]: match[2].strip(_TRIM) for match in _LETTERED.finditer(text)}
    if len(lettered) > 1:
        return tuple(Option(text=words, letter=letter) for letter, words in lettered.items())[:MAX_OPTIONS]
    labels: dict[str, None] = {}
    for match in _ENUMERATED.finditer(text):
        pieces = [piece.strip(_TRIM) for piece in _BETWEEN.split(match[1] or match[2])]
        pieces = [piece for piece in pieces if piece and len(piece) <= 30 and len(piece.split()) <= 3]
        if len(pieces) > 1:
            labels |= dict.fromkeys(pieces)
    return tuple(Option(text=label) for label in labels)[:MAX_OPTIONS]
