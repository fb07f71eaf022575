"""Texts without what a paraphrase changes and means nothing by: case, space, look-alikes, number formats."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001  # look-alikes are the subject
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁɡкмтвнАВЕКМНОРСТУХЅІЈαορνικτχуΑΒΕΖΗΙΚΜΝΟΡΤΥΧı–—−‐‑‒“”„‘’«»…",
    'aeopcyxijshdgkmtbhabekmhopctyxsijaopviktxyabezhikmnoptyxi------"""\'\'"".',
)
_IGNORED = re.compile("[\u00ad\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff]")
_GROUPED_DIGITS = re.compile(r"(?<![\d.,])\d{1,3}(?:[,'\u00a0\u2009\u202f ]\d{3})+(?![\d])")
_TRAILING_ZEROS = re.compile(r"(?<=\d)(\.\d*?)0+(?!\d)")
_TOKEN = re.compile(
    r"\d+(?:\.\d+)?|[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[-+*/<>=%^&|~#@]"
)
_UNITS = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NUMBER_WORDS = frozenset({*_UNITS, *_TENS})


def normalised(text: str) -> str:
    """``text`` in one case, one spacing, one number format, and Latin letters for their look-alikes."""
    plain = _GROUPED_DIGITS.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    plain = unicodedata.normalize("NFKC", plain).translate(_LOOK_ALIKES).casefold()
    plain = _IGNORED.sub("", plain)
    plain = _TRAILING_ZEROS.sub(lambda match: "" if match[1] == "." else match[1], plain)
    return " ".join(plain.split())


def tokens(text: str) -> list[str]:
    """Words, numbers and operators of a normalised text, number words as digits; punctuation is left out."""
    return list(_with_numbers(_TOKEN.findall(text)))


def numbers(words: list[str]) -> tuple[str, ...]:
    """The numbers among tokens, in sorted order."""
    return tuple(sorted(word for word in words if word[0].isdigit()))


def gist(reference: str) -> str:
    """What two references must share to be the same answer: the last number, or else the whole text."""
    words = tokens(normalised(reference))
    return next((word for word in reversed(words) if word[0].isdigit()), " ".join(words))


def _with_numbers(words: list[str]) -> Iterator[str]:
    """Tokens with runs of number words ("two hundred", "twenty five") as one number."""
    value: int | None = None
    for word in words:
        if value is None and word not in _NUMBER_WORDS:
            yield word
            continue
        extended = _extended(value, word)
        if extended is None and value is not None:
            yield str(value)
            extended = _extended(None, word)
        value = extended
        if value is None:
            yield word
    if value is not None:
        yield str(value)


def _extended(value: int | None, word: str) -> int | None:
    """The number that ``word`` makes of the number words before it; ``None`` when it cannot follow them."""
    if word in _UNITS and (value is None or (value >= 20 and value % 10 == 0)):
        return (value or 0) + _UNITS[word]
    if word in _TENS and (value is None or value % 100 == 0):
        return (value or 0) + _TENS[word]
    if word in _SCALES and value:
        return value * _SCALES[word]
    return value if word == "-" else None
