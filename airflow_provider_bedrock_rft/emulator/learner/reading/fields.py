"""The fields of a JSON answer that a prompt asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_FIELDS = 10

_PAIR = re.compile(
    r"[\"“]([A-Za-z_]{1,24})[\"”]\s*:\s*(?P<value>[\"“][^\"”\n]{0,80}[\"”]|-?[\d.]+|true|false|<[^>\n]{1,40}>|\w+)?"
)
_KEY_LIST = re.compile(
    r"\b(?:keys?|fields?)\b:?\s+((?:[\"'`“]?[A-Za-z_]{1,24}[\"'`”]?(?:\s*,\s*(?:and\s+)?|\s+and\s+)?){1,10})",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_]{2,24}")
_FILLERS = frozenset({"and", "with", "the", "only", "as", "are", "in", "of", "for", "is", "to"})
WORKING_KEYS = frozenset({"reasoning", "explanation", "steps", "working", "rationale", "thought", "thoughts"})
ANSWER_KEYS = frozenset({"answer", "result", "final_answer", "value", "solution"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key of the JSON object to be written.

    ``kind`` is what the template shows of its value: "number", "text", "flag", or "any" where it shows nothing;
    ``options`` are the values a template enumerates ("low|high").
    """

    name: str
    kind: str = "any"
    options: tuple[str, ...] = ()


def find_fields(text: str) -> tuple[Field, ...]:
    """The fields asked for, in their order; a template in the text counts before a list of keys."""
    found = {match[1]: _field(match[1], match["value"] or "") for match in _PAIR.finditer(text)}
    if not found and re.search(r"\bjson\b", text, re.IGNORECASE):
        match = _KEY_LIST.search(text)
        names = [name for name in _NAME.findall(match[1]) if name.lower() not in _FILLERS] if match else []
        found = {name: Field(name=name) for name in names}
    return tuple(found.values())[:MAX_FIELDS]


def _field(name: str, value: str) -> Field:
    bare = value.strip('"“”<> ')
    options = tuple(piece.strip() for piece in re.split(r"\s*[|/]\s*|\s+or\s+", bare) if piece.strip())
    if len(options) > 1:
        return Field(name=name, kind="text", options=options)
    return Field(name=name, kind=_kind(value, bare))


def _kind(value: str, bare: str) -> str:
    if bare in {"true", "false", "bool", "boolean"}:
        return "flag"
    if re.fullmatch(r"-?\d+\.?\d*|int|integer|float|number", bare):
        return "text" if value[0] in '"“' and bare[0].isdigit() else "number"
    return "text" if value[:1] in {'"', "“"} or bare in {"str", "string", "text"} else "any"
