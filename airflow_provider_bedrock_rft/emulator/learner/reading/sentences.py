"""Sentences of a prompt, told apart: what is told and asked, and how it is to be answered."""

from __future__ import annotations

import re

MAX_SENTENCES = 40

_BREAK = re.compile(r"(?<=[.?!])\s+|\n+")
_INSTRUCTION = re.compile(
    r"\b(?:answer|output|respond|reply|return|json|format|boxed|step by step|final|choose|classify|extract)\b"
    r"|####|<\w+>",
    re.IGNORECASE,
)


def split_sentences(text: str) -> tuple[str, ...]:
    """The first forty sentences or lines, without blank ones."""
    return tuple(piece.strip() for piece in _BREAK.split(text) if piece.strip())[:MAX_SENTENCES]


def is_instruction(sentence: str) -> bool:
    """True for a sentence that says how to answer; a question never does."""
    return not sentence.endswith("?") and bool(_INSTRUCTION.search(sentence))


def story_of(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The sentences that tell and ask; all of them if every one looks like an instruction."""
    return tuple(sentence for sentence in sentences if not is_instruction(sentence)) or sentences


def question_of(sentences: tuple[str, ...]) -> str:
    """The last sentence that asks, else the last one."""
    asking = [sentence for sentence in sentences if sentence.endswith("?")]
    return (asking or list(sentences) or [""])[-1]
