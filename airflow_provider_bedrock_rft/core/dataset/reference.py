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
_ANNOUNCED = re.compile(r"(?:(?:answer|solution|label)\s*(?:is\b|[:=])|####)\s*", re.IGNORECASE)
_ANNOUNCEMENT_ENDS = ("is", ":", "=", "####")
_SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2009\u202f\u3000"
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


def may_give_away(reference: str, prompt: str) -> bool:
    """False when :func:`notes_on_reference_in_prompt` is sure to find nothing; ten times faster."""
    at = reference.rfind("####")
    tail = reference[at + 4 :].strip() if at >= 0 else reference.strip()
    if tail not in prompt:  # then the whole, which ends in it, is not either
        return False
    if tail and _may_stand_out(tail, prompt):
        return True
    whole = reference.strip() if at >= 0 else ""
    return whole != "" and whole in prompt and _may_stand_out(whole, prompt)


def _may_stand_out(answer: str, prompt: str) -> bool:
    if len(answer) >= _LONG_ANSWER:
        return True
    at = prompt.find(answer)
    while at >= 0:
        if prompt[at - 1 : at].isalnum() and prompt[at - 2 : at].lower() != "is":
            at = prompt.find(answer, at + 1)
            continue
        before = prompt[max(0, at - 64) : at].rstrip(_QUOTES + _SPACES)
        if not before or before[-4:].lower().endswith(_ANNOUNCEMENT_ENDS):
            return _is_announced(answer, prompt)
        at = prompt.find(answer, at + 1)
    return False


def _is_announced(answer: str, prompt: str) -> bool:
    for match in _ANNOUNCED.finditer(prompt):
        rest = prompt[match.end() :].lstrip(_QUOTES)
        if rest.startswith(answer) and not rest[len(answer) : len(answer) + 1].isalnum():
            return True
    return False
