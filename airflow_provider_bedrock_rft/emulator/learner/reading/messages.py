"""The text of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Message = Mapping[str, object]

MAX_CHARACTERS = 8_000
"""What is read of each role's text: longer text is read at its beginning and its end."""


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts of which the text parts count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        return ""
    parts = [part if isinstance(part, str) else _part_text(part) for part in content]
    return "\n".join(part for part in parts if part)


def _part_text(part: object) -> str:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def split_roles(messages: Sequence[Message]) -> tuple[str, str]:
    """The standing instructions (system, developer) and the last thing the user said."""
    standing, asked = [], ""
    for message in messages:
        role = message.get("role", "user")
        text = text_of(message.get("content"))
        if role in {"system", "developer"}:
            standing.append(text)
        elif role == "user" and text.strip():
            asked = text
    return _window("\n".join(standing)), _window(asked)


def full_text(messages: Sequence[Message]) -> str:
    """Everything said, for counting tokens."""
    return "\n".join(text_of(message.get("content")) for message in messages)


def _window(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return text[:half] + "\n" + text[-half:]
