"""What a model answered and what the grader gave for it: one line each in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_bedrock_rft.core.codec import canonical_json, fingerprint
from airflow_provider_bedrock_rft.core.errors import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.dataset.record import Record

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One stored completion.

    Attributes:
        sample_id: The record's id.
        index: Which of the sample's completions, from 0.
        prompt: Fingerprint of the prompt.
        completion: The text the grader gets.
        finish_reason: The service's word; ``length`` means truncated.
        prompt_tokens: As the service counts.
        completion_tokens: As the service counts.
        latency_ms: Wall time of the request; 0 where it was answered in batch.
        seed: Sent with the request.
    """

    sample_id: str
    index: int
    prompt: str
    completion: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    latency_ms: float
    seed: int

    @property
    def key(self) -> AnswerKey:
        """What makes it the answer to a question."""
        return AnswerKey(self.sample_id, self.index, self.prompt)

    def to_line(self) -> bytes:
        """One JSON line, without its line break."""
        return canonical_json(self)


class AnswerKey(msgspec.Struct, frozen=True):
    """One question to a model: sample, which of its completions, and the very prompt."""

    sample_id: str
    index: int
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The grader's word on one completion.

    Attributes:
        entry: Fingerprint of everything the grader was given.
        score: ``None`` when the grader failed on it.
        metrics: The named numbers of the grader's reply.
        error: Why there is no score.
    """

    entry: str
    score: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    def to_line(self) -> bytes:
        """One JSON line, without its line break."""
        return canonical_json(self)


def prompt_fingerprint(record: Record) -> str:
    """Equal for equal prompts, whatever the record's id or reference."""
    return fingerprint([[message.role, message.content] for message in record.messages])[:16]


def entry_fingerprint(record: Record, completion: str) -> str:
    """Of everything a grader is given about one completion."""
    prompt = [[message.role, message.content] for message in record.messages]
    return fingerprint([prompt, completion, record.reference, record.metadata])[:24]


def completion_seed(seed: int, sample_id: str, index: int) -> int:
    """The seed of one completion: of its own, and the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample_id}:{index}".encode()).digest()[:4], "big") >> 1


def read_lines(cls: type[Line], chunk: bytes, *, source: str) -> Iterator[Line]:
    """The values of a chunk.

    Raises:
        InvalidPayload: A line cannot be read; ``source`` and the line's number are named.
    """
    decoder = msgspec.json.Decoder(cls)
    for number, line in enumerate(chunk.splitlines(), start=1):
        yield _decode(decoder, line, f"{source}, line {number}")


def _decode(decoder: msgspec.json.Decoder[Line], line: bytes, place: str) -> Line:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError as error:
        raise InvalidPayload(f"{place}: {error}.", action="Remove the object and run again.") from None
