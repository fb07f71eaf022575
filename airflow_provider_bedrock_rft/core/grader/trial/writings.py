"""Ways to write a right answer, and wrong ones, derived from a record's reference."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.library.answers import final_answer, normalise, reference_texts
from airflow_provider_bedrock_rft.core.grader.library.numbers import parse_number
from airflow_provider_bedrock_rft.core.grader.library.structured import only_json

if TYPE_CHECKING:
    from fractions import Fraction

ANSWER = "{answer}"
AS_IT_STANDS = "{reference}"
TEMPLATES = (
    ANSWER,
    f"#### {ANSWER}",
    f"The answer is {ANSWER}",
    f"\\boxed{{{ANSWER}}}",
    f"<answer>{ANSWER}</answer>",
    f'{{"answer": "{ANSWER}"}}',
    AS_IT_STANDS,
)
"""How a completion may give its answer; the bench takes the one that the grader pays best."""

REASONING = "Let me work it out. First I read the question again, then I take the facts one by one.\n"


class AnswerKind(str, Enum):
    """What an answer is; decides which writings of it mean the same."""

    NUMBER = "number"
    MATHS = "maths"
    CHOICE = "choice"
    TEXT = "text"
    JSON = "json"
    SQL = "sql"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A right answer, taken out of its reference."""

    kind: AnswerKind
    text: str
    reference: str

    def reasoned(self, template: str) -> str:
        """The same completion with thoughts before it; code is fenced then, as nobody could tell it from them."""
        said = _fenced_code(self.text) if self.kind is AnswerKind.CODE else self.text
        return REASONING + self.written(template, said)

    def written(self, template: str, text: str | None = None) -> str:
        """The completion that gives ``text`` (this answer unless told otherwise) by ``template``."""
        said = self.text if text is None else text
        if template != AS_IT_STANDS:
            return template.replace(ANSWER, said)
        head, found, tail = self.reference.rpartition(self.text)
        return f"{head}{said}{tail}" if found else said


Rewriting = Callable[[str], str | None]
"""Another writing of an answer, ``None`` where it has none."""


def answer_of(reference: object) -> Answer | None:
    """The answer in a reference; ``None`` when there is nothing to write down."""
    texts = reference_texts(reference)
    if isinstance(reference, dict | list) and not (isinstance(reference, dict) and texts):
        text = json.dumps(reference, ensure_ascii=False)
        return Answer(kind=AnswerKind.JSON, text=text, reference=text)
    if not texts or not texts[0].strip():
        return None
    whole = texts[0].strip()
    if re.match(r"(?is)\s*(select|with|insert|update|delete)\b.*\b(from|into|set|as)\b", whole):
        return Answer(kind=AnswerKind.SQL, text=whole, reference=whole)
    if whole[:1] in "{[" and only_json(whole) is not None:
        return Answer(kind=AnswerKind.JSON, text=whole, reference=whole)
    if _is_code(whole):
        return Answer(kind=AnswerKind.CODE, text=whole, reference=whole)
    text = final_answer(whole) or whole
    return Answer(kind=_kind_of(text), text=text, reference=whole)


def _is_code(text: str) -> bool:
    """True for Python that defines something."""
    if not re.search(r"^(?:def|class|async def) ", text, re.MULTILINE):
        return False
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _fenced_code(text: str) -> str:
    return f"```python\n{text}\n```"


def _kind_of(text: str) -> AnswerKind:
    if re.fullmatch(r"\(?[A-Ja-j]\)?[.)]?", text):
        return AnswerKind.CHOICE
    if re.search(r"\\[a-z]+|\^|[a-z]\s*=|√|π", text):
        return AnswerKind.MATHS
    bare = re.sub(r"^[$€£]|%$", "", text)
    is_number = parse_number(bare) is not None and not any(map(str.isalpha, bare))
    return AnswerKind.NUMBER if is_number else AnswerKind.TEXT


def equivalents_of(answer: Answer) -> dict[str, str]:
    """Name of a rewriting → another writing of the same answer."""
    rewritten = {name: rewrite(answer.text) for name, rewrite in REWRITINGS[answer.kind].items()}
    return {name: text for name, text in rewritten.items() if text is not None and text != answer.text}


def wrong_of(answer: Answer, others: Sequence[str]) -> list[str]:
    """Two answers that are wrong, near ones first."""
    if answer.kind is AnswerKind.NUMBER:
        number = parse_number(answer.text)
        return [_decimal(number + 1), _decimal(number * 10 + 3)] if number is not None else []
    if answer.kind is AnswerKind.CHOICE:
        letter = next(character for character in answer.text if character.isalpha()).upper()
        return [other for other in "ABCD" if other != letter][:2]
    different = [other for other in others if normalise(other) != normalise(answer.text)]
    if answer.kind in {AnswerKind.TEXT, AnswerKind.MATHS}:
        return [*different[:2], "something quite different"][:2]
    return [*different[:1], _UNRELATED[answer.kind]]


_UNRELATED: Mapping[AnswerKind, str] = {
    AnswerKind.JSON: '{"unrelated": "value"}',
    AnswerKind.SQL: "SELECT 1 AS unrelated FROM nowhere",
    AnswerKind.CODE: "def unrelated():\n    return None",
}


def _decimal(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else f"{float(number):.6g}"


def _digits_of(zero: int) -> Rewriting:
    table = {ord("0") + value: zero + value for value in range(10)}
    return lambda text: text.translate(table)


def _thousands(text: str) -> str | None:
    number = parse_number(text)
    if number is None or number.denominator != 1 or abs(number) < 1000:
        return None
    return f"{int(number):,}"


def _decimals(text: str) -> str | None:
    return f"{text}.0" if re.fullmatch(r"-?\d+", text) else None


def _pretty(text: str) -> str | None:
    return json.dumps(only_json(text), indent=2, ensure_ascii=False)


def _reordered(text: str) -> str | None:
    value = only_json(text)
    return json.dumps(dict(reversed(value.items())), ensure_ascii=False) if isinstance(value, dict) else None


_MARKDOWN: Mapping[str, Rewriting] = {
    "bold": lambda text: f"**{text}**",
    "trailing full stop": lambda text: f"{text}." if text[-1:] not in ".?!)" else None,
    "white space": lambda text: f" {text}  ",
}
_WRITTEN_NUMBERS: Mapping[str, Rewriting] = {
    "latex": lambda text: f"${text}$",
    "decimals": _decimals,
    "thousands separators": _thousands,
    "full-width digits": _digits_of(0xFF10),
    "Arabic-Indic digits": _digits_of(0x0660),
    "unit": lambda text: f"{text} units",
    "currency": lambda text: f"${text}" if text[:1].isdigit() else None,
}
REWRITINGS: Mapping[AnswerKind, Mapping[str, Rewriting]] = {
    AnswerKind.NUMBER: {**_MARKDOWN, **_WRITTEN_NUMBERS},
    AnswerKind.MATHS: {**_MARKDOWN, "latex": lambda text: f"${text.strip('$')}$"},
    AnswerKind.CHOICE: {
        **_MARKDOWN,
        "brackets": lambda text: f"({text.strip('().')})",
        "closing bracket": lambda text: f"{text.strip('().')})",
        "lower case": lambda text: text.lower(),
    },
    AnswerKind.TEXT: {
        **_MARKDOWN,
        "upper case": str.upper,
        "lower case": str.lower,
        "quotes": lambda text: f'"{text}"',
    },
    AnswerKind.JSON: {
        "fence": lambda text: f"```json\n{text}\n```",
        "indented": _pretty,
        "reordered": _reordered,
        "introduced": lambda text: f"Here is the result:\n{text}",
    },
    AnswerKind.SQL: {
        "fence": lambda text: f"```sql\n{text}\n```",
        "semicolon": lambda text: f"{text.rstrip(';')};",
        "line breaks": lambda text: re.sub(r"(?i)\s+(from|where|group by|order by)\b", r"\n\1", text),
        "introduced": lambda text: f"This query does it:\n{text}",
    },
    AnswerKind.CODE: {
        "fence": _fenced_code,
        "bare fence": lambda text: f"```\n{text}\n```",
        "introduced": lambda text: f"This does it:\n{_fenced_code(text)}\nIt needs no library.",
        "comment": lambda text: f"# As asked.\n{text}\n",
    },
}
