"""One pass over one source: notes become findings, records go where they are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.equality import Keys
from airflow_provider_bedrock_rft.core.dataset.finding import FindingLog, Note, Place, finding_at
from airflow_provider_bedrock_rft.core.dataset.jsonl import examine_line
from airflow_provider_bedrock_rft.core.dataset.learned import LearnedFormat
from airflow_provider_bedrock_rft.core.dataset.length import CountTokens, notes_on_length
from airflow_provider_bedrock_rft.core.dataset.lines import BOM, Block, ByteStream, read_blocks
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements
from airflow_provider_bedrock_rft.core.dataset.record import JSON
from airflow_provider_bedrock_rft.core.dataset.reference import notes_on_reference_in_prompt
from airflow_provider_bedrock_rft.core.dataset.rules import RULES
from airflow_provider_bedrock_rft.core.dataset.shapes import Shapes, shape_of
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.dataset.learned import SoundBlock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.dataset.shapes import Shape
    from airflow_provider_bedrock_rft.core.dataset.source import Source

_BLANK = b" \t\r\n"
HEAD_BYTES = 4096
_SAMPLE_LINES = 200
_SMALL_PIECE = 8 * 1024
"""Halving goes no further: trying costs what examining does."""


@dataclass(slots=True, kw_only=True)
class FileScan:
    """What is known of a source, or of some of its lines, while and after it is read.

    Attributes:
        opens_source: The first line taken is the source's first.
        n_records: Sound records.
        n_refused: Lines with an error.
        n_lines: Lines taken.
        was_read: False when the source could not be opened or is no text.
        learned: The format of the lines so far.
    """

    name: str
    split: str
    needs: Requirements
    log: FindingLog
    keys: Keys
    shapes: Shapes
    count_tokens: CountTokens | None = None
    opens_source: bool = True
    n_records: int = 0
    n_refused: int = 0
    n_lines: int = 0
    sha256: str = ""
    was_read: bool = True
    learned: LearnedFormat | None = None
    _sample: list[Mapping[str, JSON]] = field(default_factory=list)

    @classmethod
    def of(
        cls, name: str, split: str, needs: Requirements, log: FindingLog, count_tokens: CountTokens | None = None
    ) -> FileScan:
        """Of a source of which nothing is read yet."""
        keys, shapes = Keys(file=name, split=split), Shapes(file=name)
        return cls(name=name, split=split, needs=needs, log=log, keys=keys, shapes=shapes, count_tokens=count_tokens)

    def take_block(self, block: Block) -> None:
        """Examine each line of a block."""
        if block.is_overlong:
            self._note(block.first_line, "line-too-long", "The line is longer than 8 MiB.")
            self.n_refused += 1
            self.n_lines += 1
            return
        self.n_lines += block.n_breaks or 1
        if self.learned is not None and (block.first_line > 1 or not self.opens_source):
            if self._prove(block.data, block.first_line, self.learned):
                return
        else:
            self._examine(block.data, block.first_line)
        self.learned = LearnedFormat.learn(self._sample, self.needs.max_prompt_tokens)

    def _prove(self, data: bytes, first_line: int, learned: LearnedFormat) -> bool:
        """Take lines the fast way; where that fails, halve them. False when not even one line could be proved sound."""
        sound = learned.prove_sound(data)
        if sound is not None:
            self._take_sound(sound, first_line, learned.shape)
            return True
        cut = data.find(b"\n", len(data) // 2) + 1
        if len(data) <= _SMALL_PIECE or cut in {0, len(data)}:
            self._examine(data, first_line)
            return False
        n_before = data.count(b"\n", 0, cut)
        has_proved = self._prove(data[:cut], first_line, learned)
        return self._prove(data[cut:], first_line + n_before, learned) or has_proved

    def _take_sound(self, sound: SoundBlock, first_line: int, shape: Shape) -> None:
        n_lines = len(sound.prompts)
        self.n_records += n_lines
        self.keys.extend(first_line, sound.prompts, sound.references, sound.ids)
        self.shapes.add(shape, first_line, first_line + n_lines - 1)

    def _examine(self, data: bytes, first_line: int) -> None:
        """Take lines the thorough way, one by one."""
        self._sample.clear()
        for number, line in Block(data=data, first_line=first_line).lines():
            self._take_line(number, line)

    def release(self) -> LearnedFormat | None:
        """Let go of what only this process can use, and return the format that was learned."""
        learned, self.learned = self.learned, None
        self._sample.clear()
        return learned

    def absorb(self, part: FileScan) -> None:
        """Take in a scan of the lines that follow."""
        self.log.absorb(part.log, lines_before=self.n_lines)
        self.keys.absorb(part.keys, lines_before=self.n_lines)
        self.shapes.absorb(part.shapes, lines_before=self.n_lines)
        self.n_records += part.n_records
        self.n_refused += part.n_refused
        self.n_lines += part.n_lines

    def _take_line(self, number: int, line: bytes) -> None:
        body = self._without_mark(line) if number == 1 and self.opens_source else line
        if body.endswith(b"\r\n"):
            self._note(number, "crlf", "The line ends in CR LF.")
        text = body.strip(_BLANK)
        if not text:
            self._note(number, "blank-line", "The line is blank.")
            return
        examined = examine_line(text, self.needs)
        for note in examined.notes:
            is_cut = (
                note.code == "malformed-json" and not line.endswith(b"\n") and text[:1] == b"{" and text[-1:] != b"}"
            )
            self._log_note(number, replace(note, code="truncated-line") if is_cut else note)
        if examined.record is None:
            self.n_refused += 1
        else:
            self._take_record(number, examined.record)
            if not examined.notes and len(self._sample) < _SAMPLE_LINES:
                self._sample.append(examined.value)

    def _without_mark(self, line: bytes) -> bytes:
        if line.startswith(BOM):
            self._note(1, "bom", "The file opens with a UTF-8 byte order mark.")
        return line.removeprefix(BOM)

    def _take_record(self, number: int, record: Record) -> None:
        self.n_records += 1
        self.keys.add(number, record)
        self.shapes.add(shape_of(record), number, number)
        for note in notes_on_reference_in_prompt(record):
            self._log_note(number, note)
        if self.needs.max_prompt_tokens is not None:
            for note in notes_on_length(record, self.needs.max_prompt_tokens, self.count_tokens):
                self._log_note(number, note)

    def _log_note(self, line: int, note: Note) -> None:
        place = Place(file=self.name, line=line)
        self.log.add(finding_at(place, note.code, note.message, field=note.field, severity=note.severity))

    def _note(self, line: int, code: str, message: str) -> None:
        self.log.add(finding_at(Place(file=self.name, line=line), code, message))


class HashingStream:
    """Feeds what is read to SHA-256 on a thread of its own: hashlib lets go of the interpreter while it works."""

    def __init__(self, stream: ByteStream, thread: ThreadPoolExecutor) -> None:
        self._stream = stream
        self._thread = thread
        self._digest = hashlib.sha256()
        self._pending: Future[None] | None = None
        self.head = b""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        data = self._stream.read(size)
        self.head = self.head or data[:HEAD_BYTES]
        if self._pending is not None:
            self._pending.result()
        self._pending = self._thread.submit(self._digest.update, data)
        return data

    def hexdigest(self) -> str:
        """Of what was read."""
        if self._pending is not None:
            self._pending.result()
        return self._digest.hexdigest()


def scan_sources(
    sources: Sequence[Source], needs: Requirements, log: FindingLog, count_tokens: CountTokens | None = None
) -> list[FileScan]:
    """Scan one source after the other."""
    return [scan_source(source, needs, log, count_tokens) for source in sources]


def scan_source(
    source: Source, needs: Requirements, log: FindingLog, count_tokens: CountTokens | None = None
) -> FileScan:
    """Read a source to its end, or to where it turns out to be no text."""
    scan = FileScan.of(source.name, source.split, needs, log, count_tokens)
    with refusing(scan), source.open() as stream, ThreadPoolExecutor(1, "rft-sha256") as thread:
        hashing = HashingStream(stream, thread)
        for block in read_blocks(hashing):
            if block.first_line == 1:
                check_head(hashing.head)
            scan.take_block(block)
        scan.sha256 = hashing.hexdigest()
    return scan


@contextmanager
def refusing(scan: FileScan) -> Iterator[None]:
    """Make a finding of it when the source cannot be read."""
    try:
        yield
    except InvalidDataset as error:
        scan.was_read = False
        code = str(error.details.get("code"))
        code = code if code in RULES else "unreadable-file"
        scan.log.add(finding_at(Place(file=scan.name), code, error.message))


def check_head(head: bytes) -> None:
    """Refuse a source that does not begin like text.

    Raises:
        InvalidDataset: With the code ``utf16-file`` or ``binary-file``.
    """
    if code := _not_text(head):
        raise InvalidDataset("The file does not hold lines of UTF-8 text.", code=code)


def _not_text(head: bytes) -> str:
    """The code of the finding when the first bytes of a file are no UTF-8 text, else empty."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(head) > 3 and head[1::2].count(0) > len(head) // 3):
        return "utf16-file"
    n_odd = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return "binary-file" if n_odd > max(2, len(head) // 20) and not head.lstrip(_BLANK + BOM).startswith(b"{") else ""
