"""Mathematical equivalence, on math-verify."""

from __future__ import annotations

import re
import threading

from airflow_provider_bedrock_rft.core.grader.library.answers import final_answer, reference_texts
from airflow_provider_bedrock_rft.core.grader.library.numbers import parse_number, same_number
from airflow_provider_bedrock_rft.core.grader.reward import Reward

MAX_CHARACTERS = 1_000
"""Of an answer: longer ones are not worth a computer algebra system's time."""

TIMEOUT_SECONDS = 2
"""Of parsing and of comparing one answer; kept only in a process's main thread, where Lambda runs a handler."""

_EXPLOSIVE = re.compile(r"\d{60}|[eE^]\s*\{?\s*[-+]?\d{4}|\d{4}\s*!|!\s*!|(?:\^\s*\{?\s*[-+]?[\d(]+[)}\s]*){2}")
"""Short texts whose value is too long to be written; no time limit stops arithmetic that is under way."""
_TUPLE = re.compile(r"[(\[{][^)\]}]+,[^)\]}]+[)\]}]")
_DELIMITED = re.compile(r"^\s*(?:\$|\\\(|\\\[)")


def maths_equivalent(completion: str, reference: object) -> Reward:
    """1 when the answer equals a reference as mathematics: numbers, fractions, roots, sets, intervals, expressions.

    Plain numbers are compared exactly and without computer algebra, which is about a hundred times faster.
    """
    answer = final_answer(completion)
    expected = [final_answer(text) or text for text in reference_texts(reference)]
    if not expected:
        raise ValueError("The reference holds no answer.")
    is_right = answer is not None and len(answer) <= MAX_CHARACTERS and any(_same(text, answer) for text in expected)
    return Reward(float(is_right), components={"correct": float(is_right), "answered": float(answer is not None)})


def _same(expected: str, answer: str) -> bool:
    left, right = parse_number(expected), parse_number(answer)
    if left is not None and right is not None and _is_plain(expected) and _is_plain(answer):
        return same_number(left, right)
    return not _EXPLOSIVE.search(answer) and _verify(expected, answer)


def _is_plain(text: str) -> bool:
    """True when nothing around the number could change what it means as mathematics."""
    return not _TUPLE.search(text) and not re.search(
        r"\\(?!boxed|text|[dt]?frac|\$|,|%)|[\d}][a-zA-Z]|\b[a-zA-Z]\b|[\^√π!]", text
    )


def _verify(expected: str, answer: str) -> bool:
    from math_verify import parse, verify  # noqa: PLC0415 -- only graders that use it have it

    seconds = TIMEOUT_SECONDS if threading.current_thread() is threading.main_thread() else None
    gold, said = (parse(_delimit(text), parsing_timeout=seconds) for text in (expected, answer))
    return bool(gold and said and verify(gold, said, timeout_seconds=seconds))


def _delimit(text: str) -> str:
    return text if _DELIMITED.match(text) else f"${text.strip().rstrip('.')}$"
