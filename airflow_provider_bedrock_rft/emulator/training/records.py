"""Reading a training file, and refusing it with the line that is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ROLES = {"system", "user", "assistant", "tool", "bot", "developer"}
_MESSAGE_KEYS = {"role", "content", "tool_calls", "tool_call_id"}
_OWN_KEYS = {"id", "messages", "reference_answer", "tools"}


class DatasetRejection(Exception):
    """The file cannot be trained on; the message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """One prompt. ``reference`` travels to the grader and nowhere else; ``extra`` are the keys that are not ours."""

    record_id: str
    messages: list[Mapping[str, object]]
    reference: object
    extra: Mapping[str, object]


def read_records(path: Path, *, min_records: int, max_records: int) -> list[TrainingRecord]:
    """All records of a JSONL file.

    Raises:
        DatasetRejection: a malformed line, or too few or too many records.
    """
    records: list[TrainingRecord] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                records.append(_record(json.loads(line.decode("utf-8")), number))
            except (ValueError, RecursionError) as error:
                raise DatasetRejection(f"line {number}: {_why(error)}") from error
            if len(records) > max_records:
                raise DatasetRejection(f"line {number}: the file has more than {max_records} records")
    if len(records) < min_records:
        raise DatasetRejection(f"the file has {len(records)} records; at least {min_records} are needed")
    return _with_distinct_ids(records)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"malformed JSON ({error.msg} at column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)


def _record(value: object, number: int) -> TrainingRecord:
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 -- one kind of error per line, whatever is wrong
    record_id = value.get("id")
    if record_id is not None and (not isinstance(record_id, str) or not record_id.strip()):
        raise ValueError("id must be a non-empty string")
    return TrainingRecord(
        record_id=record_id or f"line-{number}",
        messages=_messages(value.get("messages")),
        reference=_reference(value),
        extra={key: item for key, item in value.items() if key not in _OWN_KEYS},
    )


def _messages(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or not value:
        raise ValueError("messages must be a non-empty list")
    roles = [_message(item) for item in value]
    if "system" in roles[1:]:
        raise ValueError("a system message must come first")
    if "user" not in roles:
        raise ValueError("messages must hold at least one user message")
    return value


def _message(value: object) -> str:
    if not isinstance(value, dict):
        raise ValueError("each message must be an object")  # noqa: TRY004 -- see above
    role = str(value.get("role")).lower()
    if role not in _ROLES:
        raise ValueError(f"unknown role {value.get('role')!r}")
    if unknown := sorted(set(value) - _MESSAGE_KEYS):
        raise ValueError(f"unknown message key {unknown[0]!r}")
    content = value.get("content")
    if not isinstance(content, (str, list)) or not content or (isinstance(content, str) and not content.strip()):
        raise ValueError(f"the content of a {role} message must be a non-empty string or list")
    if isinstance(content, list) and not all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        raise ValueError(f"the content of a {role} message may hold text parts only")
    return role


def _reference(value: Mapping[str, object]) -> object:
    reference = value.get("reference_answer")
    if reference is None:
        return None
    if (
        not isinstance(reference, (str, dict))
        or not reference
        or (isinstance(reference, str) and not reference.strip())
    ):
        raise ValueError("reference_answer must be a non-empty string or object")
    return reference


def _with_distinct_ids(records: list[TrainingRecord]) -> list[TrainingRecord]:
    if len({record.record_id for record in records}) == len(records):
        return records
    return [
        TrainingRecord(
            record_id=f"{record.record_id}#{index}",
            messages=record.messages,
            reference=record.reference,
            extra=record.extra,
        )
        for index, record in enumerate(records)
    ]
