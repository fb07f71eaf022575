"""Numbers in a text, in figures and in words, with the words beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_QUANTITIES = 10

_CARDINALS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_WORDS = {word: float(value) for value, word in enumerate(_CARDINALS.split(), start=2)} | {
    "twenty": 20.0,
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "hundred": 100.0,
    "half": 0.5,
    "quarter": 0.25,
    "third": 1 / 3,
    "twice": 2.0,
    "double": 2.0,
    "thrice": 3.0,
    "triple": 3.0,
    "dozen": 12.0,
}
_NUMBER = re.compile(
    r"(?<![\w.])[$€£]?(?P<top>\d{1,15}(?:,\d{3})*(?:\.\d{1,9})?)(?:/(?P<bottom>[1-9]\d{0,6}))?(?P<percent>\s?%|\spercent\b)?"
    r"(?!(?:st|nd|rd|th)\b)|\b(?P<word>" + "|".join(_WORDS) + r")\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number of the prompt; ``left`` and ``right`` hold the nearest words, nearest first."""

    value: float
    text: str
    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def is_fraction(self) -> bool:
        """True for a part of a whole: a half, 25 %."""
        return 0.0 < self.value < 1.0


def find_quantities(text: str) -> tuple[Quantity, ...]:
    """The first ten numbers of ``text``, in reading order."""
    low = text.lower()
    found = []
    for match in _NUMBER.finditer(text):
        left = _WORD.findall(low[max(0, match.start() - 40) : match.start()])[-3:]
        right = _WORD.findall(low[match.end() : match.end() + 40])[:3]
        shown = match[0].strip()
        found.append(Quantity(value=_value(match), text=shown, left=tuple(reversed(left)), right=tuple(right)))
        if len(found) == MAX_QUANTITIES:
            break
    return tuple(found)


def _value(match: re.Match[str]) -> float:
    if match["word"]:
        return _WORDS[match["word"].lower()]
    value = float(match["top"].replace(",", ""))
    if match["bottom"]:
        value /= float(match["bottom"])
    return value / 100.0 if match["percent"] else value
