"""Numbers as people and models write them, and the grader that compares them. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from airflow_provider_bedrock_rft.core.grader.reward import Reward

MAX_CHARACTERS = 200
"""A longer text is no number; bounds the work done for a hostile completion."""

_MAX_EXPONENT_CHARACTERS = 3
_ANSWER_KEYS = ("answer", "value", "result", "ground_truth", "text")
_NUMBER = r"[-+]?(?:\d[\d.,'_ \u00a0\u202f\u2009]*\d|\d|\.\d+)(?:[eE][-+]?\d+)?"
_FRACTION = re.compile(rf"(?P<top>{_NUMBER})\s*/\s*(?P<bottom>{_NUMBER})")
_LATEX_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*\{\s*([^{}]+?)\s*\}\s*\{\s*([^{}]+?)\s*\}")
_WRAPPERS = re.compile(r"\\(?:boxed|text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_LATEX_NOISE = re.compile(r"\\[,;:! ()\[\]]|\{,\}")
_ANY_NUMBER = re.compile(rf"(?<![\w.]){_NUMBER}(?:\s*/\s*{_NUMBER})?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:([.,'_ \u00a0\u202f\u2009])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_POWER = re.compile(r"(?<=[\d)}])[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]")
"""A raised digit behind a number: another number, other than in a unit (``12 m²``)."""
_SIGNS = str.maketrans(
    {
        "\u2212": "-",  # minus
        "\u2010": "-",  # hyphen
        "\u2011": "-",  # non-breaking hyphen
        "\u2013": "-",  # en dash
        "\u066b": ".",  # Arabic decimal separator
        "\u066c": ",",  # Arabic thousands separator
        "\uff0e": ".",  # full-width forms
        "\uff0c": ",",
        "\uff0f": "/",
    }
)


def parse_number(text: str) -> Fraction | None:
    """The one number in ``text``, exactly; ``None`` when there is none or more than one.

    Understood: signs, decimals, exponents, ``a/b``, LaTeX fractions and boxes, thousands separators (comma, point,
    space, apostrophe), decimal commas, the digits of every script, currency, per cent and units around the number.
    """
    numbers = find_numbers(text) if len(text) <= MAX_CHARACTERS else []
    return numbers[0] if len(numbers) == 1 else None


def find_numbers(text: str) -> list[Fraction]:
    """The numbers in ``text``, in order."""
    found = (_to_fraction(match.group()) for match in _ANY_NUMBER.finditer(_plain(text)))
    return [number for number in found if number is not None]


def marked_answer(completion: str, marker: str = "####") -> str | None:
    """What stands behind ``marker`` on its line; ``None`` without it, or when several such lines say different things.

    A line with the marker and no digit behind it (a prompt echoed back) says nothing.
    """
    answers = [line.split(marker)[-1].strip() for line in completion.splitlines() if marker in line]
    said = [answer for answer in answers if any(map(str.isdecimal, answer))]
    if not said or len({_said_value(answer) for answer in said}) > 1 or completion.count(marker) > len(answers):
        return None
    return said[0]


def reference_number(reference: object, marker: str = "####") -> Fraction | None:
    """The number a reference stands for: itself, behind ``marker``, below a usual key, or the last one in its text."""
    if isinstance(reference, Mapping):
        return next((reference_number(reference[key], marker) for key in _ANSWER_KEYS if key in reference), None)
    text = "" if reference is None else str(reference)
    numbers = find_numbers(text.rpartition(marker)[2][-MAX_CHARACTERS:])
    return numbers[-1] if numbers else None


def same_number(left: Fraction | None, right: Fraction | None, *, relative_tolerance: float = 1e-9) -> bool:
    """True when both are numbers and differ by no more than the tolerance."""
    if left is None or right is None:
        return False
    return abs(left - right) <= Fraction(relative_tolerance) * max(abs(left), abs(right))


def marked_number(
    completion: str,
    reference: object,
    *,
    marker: str = "####",
    format_credit: float = 0.1,
    relative_tolerance: float = 1e-9,
) -> Reward:
    """1 for the right number behind ``marker``, ``format_credit`` for a wrong one, 0 without exactly one answer.

    Raises:
        ValueError: The reference holds no number.
    """
    expected = reference_number(reference, marker)
    if expected is None:
        raise ValueError("The reference holds no number.")
    answer = marked_answer(completion, marker)
    given = parse_number(answer) if answer is not None else None
    is_right = same_number(given, expected, relative_tolerance=relative_tolerance)
    value = 1.0 if is_right else format_credit if given is not None else 0.0
    return Reward(value, components={"correct": float(is_right), "format": float(given is not None)})


def _said_value(answer: str) -> Fraction | str:
    number = parse_number(answer)
    return answer.casefold() if number is None else number


def _plain(text: str) -> str:
    text = "".join(str(digit) if (digit := unicodedata.decimal(c, None)) is not None else c for c in text)
    text = _POWER.sub(" ^ 1", text)
    text = _LATEX_NOISE.sub(lambda match: "," if match.group() == "{,}" else " ", text.translate(_SIGNS))
    text = _WRAPPERS.sub(r" \1 ", _WRAPPERS.sub(r" \1 ", text))
    text = _LATEX_FRACTION.sub(r" \1\2/\3 ", text)
    text = re.sub(r"-\s*([$€£¥₹])\s*", r"\1-", text)
    return re.sub(r"[$€£¥₹*_`\\{}](?=\s*[-+.\d])", " ", text)


def _to_fraction(text: str) -> Fraction | None:
    if parts := _FRACTION.fullmatch(text.strip()):
        top, bottom = _to_decimal(parts["top"]), _to_decimal(parts["bottom"])
        return Fraction(top) / Fraction(bottom) if top is not None and bottom else None
    number = _to_decimal(text)
    return None if number is None else Fraction(number)


def _to_decimal(text: str) -> Decimal | None:
    try:
        return Decimal(_without_separators(text.strip()))
    except InvalidOperation:
        return None


def _without_separators(text: str) -> str:
    mantissa, exponent = ([*re.split(r"[eE]", text, maxsplit=1), ""])[:2]
    if len(exponent) > _MAX_EXPONENT_CHARACTERS:
        return ""
    if (grouped := _THOUSANDS.fullmatch(mantissa)) and not _is_decimal_point(mantissa, grouped[1]):
        mantissa = mantissa.replace(grouped[1], "")
    mantissa = mantissa.replace(",", ".")
    return f"{mantissa}e{exponent}" if exponent else mantissa


def _is_decimal_point(mantissa: str, separator: str) -> bool:
    return separator == "." and mantissa.count(".") == 1 and "," not in mantissa
