"""Finding the answer in a completion, and texts that mean the same. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

MAX_CHARACTERS = 100_000
"""Longer completions are cut at the front: an answer stands at the end."""

_ANSWER_KEYS = ("answer", "label", "value", "result", "text")
_BRACES = re.compile(r"\\boxed\s{0,9}\{|[{}]")
_PLAIN_BRACE = -1
_BARE_WORDS = 3
_MAX_BARE_LINES = 1
"""A list of more bare lines before the last one is spraying, not reasoning."""
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_SAID = re.compile(
    r"\b(?:final|correct|right)?\s*(?:answer|option|choice)\b\s*(?:(?:is|=)\s*:?|:)[ \t]*(?P<said>[^\n]+)",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"^(?:[#>*\-\s]+|(?:the\s+)?(?:final\s+)?answer\s*(?:is|:|=)\s*)+", re.IGNORECASE)
_DECORATION = str.maketrans("", "", "*_`$\"'“”‘’")  # noqa: RUF001 -- quotation marks of other keyboards


def final_answer(completion: str, marker: str = "####") -> str | None:
    r"""The one answer a completion commits to; ``None`` when it commits to none, or to several that differ.

    Looked for, in this order: behind ``marker``, in ``<answer>`` tags, in ``\boxed{}``, after "the answer is", in a
    completion of one line, on the last line.
    """
    text = completion[-MAX_CHARACTERS:].strip()
    marked = [line.rpartition(marker)[2] for line in text.splitlines() if marker in line]
    for candidates in (marked, _TAGGED.findall(text), boxed(text), [said["said"] for said in _SAID.finditer(text)]):
        said = [candidate.strip() for candidate in candidates if any(map(str.isalnum, candidate))]
        if said:
            return said[-1] if len(set(map(normalise, said))) == 1 else None
    return _last_line(text)


def _last_line(text: str) -> str | None:
    """The last line, unless it ends a list of bare answers."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    others = (
        {normalise(line) for line in lines[:-1] if len(line.split()) <= _BARE_WORDS} - {normalise(lines[-1])}
        if lines
        else set()
    )
    return lines[-1] if lines and len(others) <= _MAX_BARE_LINES else None


def boxed(text: str) -> list[str]:
    r"""The contents of every ``\boxed{…}``, braces balanced, in the order in which they end; linear in the text."""
    found: list[str] = []
    openings: list[int] = []
    for brace in _BRACES.finditer(text):
        if brace.group() != "}":
            openings.append(brace.end() if brace.group() != "{" else _PLAIN_BRACE)
        elif openings and (start := openings.pop()) != _PLAIN_BRACE:
            found.append(text[start : brace.start()])
    return found


def normalise(text: str) -> str:
    """``text`` without what does not change its meaning: case, width, white space, markdown, quotes, final marks."""
    plain = unicodedata.normalize("NFKC", text).translate(_DECORATION)
    plain = _LEADERS.sub("", plain)
    return " ".join(plain.split()).casefold().strip(" .,;:!?)(][。！？")  # noqa: RUF001 -- final marks of other scripts


def reference_texts(reference: object) -> list[str]:
    """The texts a reference accepts: itself, what stands below a usual key, or every element of a list."""
    if isinstance(reference, Mapping):
        values: Iterable[object] = [reference[key] for key in _ANSWER_KEYS if key in reference][:1]
    elif isinstance(reference, list | tuple):
        values = reference
    else:
        return [] if reference is None else [str(reference)]
    return [text for value in values for text in reference_texts(value)]
