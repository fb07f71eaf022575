"""A judge that can be foretold: how models answer here that are not trained, when they are asked for a score.

A prompt that asks for JSON with a ``score`` is a judge's. With a reference, the score is 1 where the completion holds
the reference word for word, and else the F1 measure of their words; without one, it is the share of the prompt's words
that the completion takes up. It is scaled to the range that the prompt names ("from 0 to 10"), 0 to 1 if it names none.
Text between fences (``=====…=====``) is the completion, whatever it says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ASKS = re.compile(r"[\"'`]score[\"'`]", re.IGNORECASE)
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:to|and|-|–)\s*(-?\d+(?:\.\d+)?)")  # noqa: RUF001 -- dashes people write
_FENCED = re.compile(r"(=====\w*=====)\n(.*?)\n\1", re.DOTALL)
_LABEL = re.compile(
    r"^[#*\s]*(prompt|question|reference(?: answer)?|expected(?: answer)?|ground truth|completion|response|candidate"
    r"|answer)[*\s]*:[*\s]*",
    re.IGNORECASE | re.MULTILINE,
)
_KINDS = {"prompt": "prompt", "question": "prompt", "completion": "completion", "response": "completion"}
_KINDS |= {"candidate": "completion", "answer": "completion"}
_WORD = re.compile(r"-?\d+(?:\.\d+)?|\w+")


def verdict(messages: Sequence[Mapping[str, str]]) -> str | None:
    """The answer to a judge's prompt; None for any other."""
    text = "\n".join(message["content"] for message in messages)
    if not _ASKS.search(text):
        return None
    parts = _parts(text)
    share, reason = _share(parts.get("prompt", ""), parts.get("reference"), parts.get("completion", ""))
    low, high = _range(text)
    return json.dumps({"reason": reason, "score": round(low + (high - low) * share, 2)})


def _parts(text: str) -> dict[str, str]:
    """The first text under each kind of label."""
    fenced = _FENCED.search(text)
    pieces = _LABEL.split(_FENCED.sub("", text))
    parts: dict[str, str] = {}
    for label, part in zip(pieces[1::2], pieces[2::2], strict=True):
        parts.setdefault(_KINDS.get(label.lower(), "reference"), part.strip())
    return parts if fenced is None else {**parts, "completion": fenced[2]}


def _share(prompt: str, reference: str | None, completion: str) -> tuple[float, str]:
    said = _words(completion)
    if reference is None:
        asked = set(_words(prompt))
        share = len(asked & set(said)) / len(asked) if asked else 0.0
        return share, "There is no reference: the score is the share of the prompt's words that are taken up."
    known = _words(reference)
    if known and any(said[start : start + len(known)] == known for start in range(len(said))):
        return 1.0, "The completion holds the reference."
    common = len(set(known) & set(said))
    return 2 * common / max(1, len(set(known)) + len(set(said))), "The score is the overlap with the reference's words."


def _range(text: str) -> tuple[float, float]:
    """The range next to the word score, or 0 to 1."""
    for asked in _ASKS.finditer(text):
        if found := _RANGE.search(text, asked.start(), asked.start() + 120):
            return float(found[1]), float(found[2])
    return 0.0, 1.0


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
