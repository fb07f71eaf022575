"""Pieces of a prompt that an answer can copy: dates, addresses, numbers, names, quoted words."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_SPANS = 24

_SPAN = re.compile(
    r"(?P<date>\b\d{4}-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b)"
    r"|(?P<mail>\b[\w.+-]{1,40}@[\w-]{1,40}\.[\w.]{1,20}\b)"
    r"|(?P<code>\b[A-Z]{1,6}-?\d{2,12}\b|#\d{2,12}\b)"
    r"|(?P<number>[$€£]?\d[\d,]*(?:\.\d+)?%?)"
    r"|(?P<name>\b[A-Z][a-z]{1,20}(?: (?:& )?[A-Z][a-z]{1,20}){0,3}\b)"
    r"|\"(?P<quoted>[^\"\n]{2,40})\"",
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A copyable piece; ``left`` and ``right`` hold the nearest words, nearest first."""

    text: str
    kind: str
    left: tuple[str, ...]
    right: tuple[str, ...]


def find_spans(text: str) -> tuple[Span, ...]:
    """The first 24 different pieces of ``text`` that an answer could copy."""
    low, found = text.lower(), dict[str, Span]()
    for match in _SPAN.finditer(text):
        kind = match.lastgroup or "quoted"
        shown = match["quoted"] or match[0].rstrip(",")
        left = _WORD.findall(low[max(0, match.start() - 40) : match.start()])[-3:]
        right = _WORD.findall(low[match.end() : match.end() + 30])[:2]
        found.setdefault(shown, Span(text=shown, kind=kind, left=tuple(reversed(left)), right=tuple(right)))
        if len(found) == MAX_SPANS:
            break
    return tuple(found.values())
