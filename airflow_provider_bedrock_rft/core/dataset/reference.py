"""Rules about references: as text, standing in the prompt, one dominating."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.core.dataset.finding import Note

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import JSON, Record

DOMINANT_SHARE = 0.9
"""Guessing an answer this frequent would earn almost every reward."""
MIN_RECORDS_FOR_SHARES = 20
_LONG_ANSWER = 60
"""Characters; a shorter answer may stand in a prompt by right, as a choice or a quantity."""
_ANNOUNCED = re.compile(
    r"(?:\b(?:the\s+)?(?:correct\s+|final\s+|right\s+|expected\s+)?(?:answer|solution|label|reference_answer)\s*(?:is\b|[:=])|####)\s*",
    re.IGNORECASE,
)
_QUOTES = " \t\n\"'`*$\\([{<"


def reference_text(reference: JSON | None) -> str:
    """A reference as text: itself, the ``text`` of ``{"text": …}``, or its JSON with sorted keys."""
    if isinstance(reference, str):
        return reference
    if isinstance(reference, dict) and list(reference) == ["text"] and isinstance(reference["text"], str):
        return reference["text"]
    return "" if reference is None else msgspec.json.encode(reference, order="sorted").decode()


def answers_in(reference: JSON | None) -> list[str]:
    """The texts that would give the reference away: itself, what follows ``####``, or each long text inside."""
    if isinstance(reference, dict):
        return [
            text for item in reference.values() for text in (answers_in(item) if isinstance(item, (str, dict)) else [])
        ]
    if not isinstance(reference, str):
        return []
    tail = reference.rpartition("####")[2].strip()
    return list(dict.fromkeys(text for text in (reference.strip(), tail) if text))


def notes_on_reference_in_prompt(record: Record) -> list[Note]:
    """A note when the prompt announces the answer, or holds a long one word by word."""
    prompt = record.prompt
    for answer in answers_in(record.reference):
        if answer in prompt and (len(answer) >= _LONG_ANSWER or _is_announced(answer, prompt)):
            shown = answer if len(answer) <= 40 else f"{answer[:40]}…"
            message = f"The reference {shown!r} stands in the prompt."
            return [Note(code="reference-in-prompt", field="messages", message=message)]
    return []


def _is_announced(answer: str, prompt: str) -> bool:
    for match in _ANNOUNCED.finditer(prompt):
        rest = prompt[match.end() :].lstrip(_QUOTES)
        if rest.startswith(answer) and not rest[len(answer) : len(answer) + 1].isalnum():
            return True
    return False
