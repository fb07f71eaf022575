"""One line of a training dataset, as a value that cannot be malformed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

JSON: TypeAlias = object
"""Any JSON value: ``None``, a bool, a number, a string, or a list or mapping of them."""

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of the prompt; text parts are joined into ``content``."""

    role: str
    content: str
    tool_calls: JSON | None = None
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A prompt with what its grader needs.

    Attributes:
        record_id: The record's own ``id``, or one derived from prompt and reference: equal content, equal id.
        messages: The prompt, oldest turn first.
        reference: The known-good answer; ``None`` when there is none.
        metadata: Every other key of the line; the grader gets it untouched.
        tools: Function tools the model may call (SageMaker targets only).
        has_own_id: True when the line carried an ``id``; only then is it written back.
    """

    record_id: str
    messages: tuple[Message, ...]
    reference: JSON | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    tools: tuple[Mapping[str, JSON], ...] = ()
    has_own_id: bool = False

    @property
    def prompt(self) -> str:
        """The text of all turns, a line break between turns."""
        return "\n".join(message.content for message in self.messages)


def derived_id(messages: tuple[Message, ...], reference: JSON | None) -> str:
    """The id of a record that brought none: 16 hex digits of the SHA-256 of prompt and reference."""
    content = [[message.role, message.content] for message in messages]
    return f"sha-{hashlib.sha256(_ENCODER.encode([content, reference])).hexdigest()[:16]}"


def canonical_line(record: Record) -> bytes:
    r"""The one JSON line of a record, newline included: compact UTF-8, ``id``, ``messages``, ``tools``,
    ``reference_answer``, then the metadata sorted by key.
    """
    line: dict[str, object] = {"id": record.record_id} if record.has_own_id else {}
    line["messages"] = [_to_wire(message) for message in record.messages]
    if record.tools:
        line["tools"] = record.tools
    if record.reference is not None:
        line["reference_answer"] = record.reference
    line.update((key, record.metadata[key]) for key in sorted(record.metadata))
    return _ENCODER.encode(line) + b"\n"


def _to_wire(message: Message) -> dict[str, object]:
    wire: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls is not None:
        wire["tool_calls"] = message.tool_calls
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire
