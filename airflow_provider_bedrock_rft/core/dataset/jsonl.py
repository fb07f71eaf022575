"""Lines to records and back. A bad line raises with its number; :mod:`.check` reports all of them instead."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_bedrock_rft.core.dataset.finding import Note, Place, Severity, finding_at
from airflow_provider_bedrock_rft.core.dataset.lines import BOM, ByteStream, read_blocks
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.record import JSON, Record, canonical_line
from airflow_provider_bedrock_rft.core.dataset.rules import RULES
from airflow_provider_bedrock_rft.core.dataset.schema import notes_on, to_record
from airflow_provider_bedrock_rft.core.dataset.syntax import parse_line
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANY_TARGET = replace(Requirements.of([Target.SAGEMAKER]), requires_reference=False)
"""The most permissive record rules; used where records are read without a target in mind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A line, read as thoroughly as it can be: its record when no error stands in the way, notes, and the object."""

    record: Record | None
    notes: tuple[Note, ...]
    value: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What :func:`write_records` wrote: its SHA-256 is the dataset's fingerprint."""

    n_records: int
    size_bytes: int
    sha256: str


def examine_line(line: bytes, needs: Requirements) -> Examined:
    """Everything there is to say about one line (without its line break) on its own."""
    parsed = parse_line(line)
    if parsed.value is None:
        return Examined(record=None, notes=parsed.notes)
    notes = (*parsed.notes, *notes_on(parsed.value, needs))
    is_sound = not any(_is_error(note) for note in notes)
    return Examined(record=to_record(parsed.value) if is_sound else None, notes=notes, value=parsed.value)


def _is_error(note: Note) -> bool:
    return (note.severity or Severity(RULES[note.code].severity)) is Severity.ERROR


def read_records(stream: ByteStream, *, file: str = "dataset") -> Iterator[Record]:
    """The records of a JSONL stream, one at a time.

    Raises:
        InvalidDataset: A line is no record; the message names ``file`` and the line.
    """
    for _, record in read_numbered_records(stream, file=file):
        yield record


def read_numbered_records(stream: ByteStream, *, file: str = "dataset") -> Iterator[tuple[int, Record]]:
    """The records of a JSONL stream with their line numbers; raises like :func:`read_records`."""
    for block in read_blocks(stream):
        place = Place(file=file, line=block.first_line)
        if block.is_overlong:
            raise _refusal(place, Note(code="line-too-long", message="The line is too long to be read."))
        for number, line in block.lines():
            text = (line.removeprefix(BOM) if number == 1 else line).strip(b" \t\r\n")
            if not text:
                continue
            examined = examine_line(text, ANY_TARGET)
            if examined.record is None:
                raise _refusal(Place(file=file, line=number), next(filter(_is_error, examined.notes)))
            yield number, examined.record


def sound_records(stream: ByteStream, needs: Requirements) -> Iterator[tuple[int, Record]]:
    """The records without an error, with their line numbers; whatever else the stream holds is passed over."""
    for block in read_blocks(stream):
        for number, line in block.lines():
            text = (line.removeprefix(BOM) if number == 1 else line).strip(b" \t\r\n")
            if text and (record := examine_line(text, needs).record) is not None:
                yield number, record


def _refusal(place: Place, note: Note) -> InvalidDataset:
    finding = finding_at(place, note.code, note.message, field=note.field)
    message = f"{place}: {finding.code}: {finding.message}"
    return InvalidDataset(message, action=finding.action, file=place.file, line=place.line, code=note.code)


def write_records(records: Iterable[Record], stream: BinaryIO) -> Written:
    """Write canonical JSONL; returns its size and fingerprint."""
    digest, n_records, size = hashlib.sha256(), 0, 0
    for record in records:
        line = canonical_line(record)
        stream.write(line)
        digest.update(line)
        n_records += 1
        size += len(line)
    return Written(n_records=n_records, size_bytes=size, sha256=digest.hexdigest())
