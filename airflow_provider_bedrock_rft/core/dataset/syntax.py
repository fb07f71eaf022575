"""One line's bytes to a JSON value, with everything a lenient parser would pass over in silence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import cast

from airflow_provider_bedrock_rft.core.dataset.finding import Note
from airflow_provider_bedrock_rft.core.dataset.record import JSON

_EXACT_IN_DOUBLE = 2**53
_SURROGATE = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLine:
    """The object on a line, ``None`` when there is none, and what was noticed on the way."""

    value: dict[str, JSON] | None
    notes: tuple[Note, ...]


@dataclass(slots=True)
class _Listener:
    """Collects what the parser would not say."""

    notes: list[Note] = field(default_factory=list)

    def pairs(self, pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            for name in sorted({name for name in names if names.count(name) > 1}):
                self.notes.append(
                    Note(code="duplicate-key", field=name, message=f"Key {name!r} stands twice in one object.")
                )
        return found

    def integer(self, text: str) -> int | str:
        if len(text) > 16 and abs(int(text[:40])) > _EXACT_IN_DOUBLE:
            self._imprecise(text)
            return text if len(text) > 300 else int(text)
        return int(text)

    def real(self, text: str) -> float:
        value = float(text)
        if value in {float("inf"), float("-inf")}:
            self.notes.append(Note(code="non-finite-number", message=f"{text[:40]} is beyond the range of a double."))
            return 0.0
        if len(text) > 17 and _significant_digits(text) > 17:
            self._imprecise(text)
        return value

    def constant(self, text: str) -> None:
        self.notes.append(Note(code="non-finite-number", message=f"{text} is no JSON."))

    def _imprecise(self, text: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        self.notes.append(Note(code="number-precision", message=f"{shown} has more digits than a double keeps."))


def _significant_digits(text: str) -> int:
    return len(text.lower().partition("e")[0].replace(".", "").strip("-+0"))


def parse_line(line: bytes) -> ParsedLine:
    """The object on ``line`` (without its line break), and notes on its bytes and its JSON."""
    if b"\x00" in line:
        return _refused("nul-byte", f"{line.count(0)} NUL bytes, the first at column {line.index(0) + 1}.")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return _refused("not-utf8", f"Byte 0x{line[error.start]:02x} at column {error.start + 1} is not UTF-8.")
    listener = _Listener()
    try:
        value = json.loads(
            text,
            object_pairs_hook=listener.pairs,
            parse_int=listener.integer,
            parse_float=listener.real,
            parse_constant=listener.constant,
        )
    except json.JSONDecodeError as error:
        return _refused("malformed-json", f"{error.msg} at column {error.colno}.")
    except RecursionError:
        return _refused("nested-too-deep", "The value is nested too deep to be read.")
    if not isinstance(value, dict):
        return _refused("not-an-object", f"The line holds {_name_of(value)}, not an object.")
    notes = [*listener.notes, *_notes_on_texts(text, value)]
    return ParsedLine(value=cast("dict[str, JSON]", value), notes=tuple(notes))


def _refused(code: str, message: str) -> ParsedLine:
    return ParsedLine(value=None, notes=(Note(code=code, message=message),))


def _name_of(value: JSON) -> str:
    names = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _notes_on_texts(text: str, value: JSON) -> list[Note]:
    """Notes on lone surrogates, control characters and depth; most lines are cleared without a walk."""
    is_plain = text.isascii() and "\\u" not in text and "\\b" not in text and "\\f" not in text and "\x7f" not in text
    if is_plain and text.count("{") + text.count("[") <= _MAX_DEPTH:
        return []
    notes: list[Note] = []
    pending: list[tuple[str, JSON, int]] = [("", value, 0)]
    while pending:
        path, item, depth = pending.pop()
        if isinstance(item, str):
            notes.extend(_notes_on_text(path, item))
        elif depth > _MAX_DEPTH:
            notes.append(Note(code="nested-too-deep", field=path, message=f"More than {_MAX_DEPTH} levels."))
        else:
            pending.extend((*child, depth + 1) for child in _children(path, item))
    return notes[::-1]


def _children(path: str, item: JSON) -> list[tuple[str, JSON]]:
    if isinstance(item, dict):
        keys: list[tuple[str, JSON]] = [(path, key) for key in item if not key.isprintable()]
        return keys + [(f"{path}.{key}" if path else str(key), child) for key, child in item.items()]
    if isinstance(item, list):
        return [(f"{path}[{index}]", child) for index, child in enumerate(item)]
    return []


def _notes_on_text(path: str, text: str) -> list[Note]:
    if text.isprintable():
        return []
    if match := _SURROGATE.search(text):
        message = f"Lone surrogate U+{ord(match[0]):04X} at character {match.start() + 1}."
        return [Note(code="lone-surrogate", field=path, message=message)]
    if "\x00" in text:
        return [Note(code="nul-byte", field=path, message="An escaped NUL (\\u0000) in a text.")]
    if match := _INVISIBLE.search(text):
        message = f"Invisible character U+{ord(match[0]):04X} at character {match.start() + 1}."
        return [Note(code="control-character", field=path, message=message)]
    return []
