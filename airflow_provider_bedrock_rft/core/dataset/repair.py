"""Repairs that cannot change what is trained on; whatever else is wrong stays as it is and stays a finding."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from airflow_provider_bedrock_rft.core.dataset.lines import BOM, ByteStream, read_blocks
from airflow_provider_bedrock_rft.core.dataset.schema import KNOWN_KEYS
from airflow_provider_bedrock_rft.core.dataset.syntax import parse_line
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bedrock_rft.core.dataset.record import JSON

_ORDER = ("id", "messages", "tools", "reference_answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One thing that was mended: ``bom``, ``crlf``, ``blank-line``, ``duplicate-record`` or ``key-order``."""

    code: str
    line: int
    message: str


@dataclass(slots=True)
class Repairer:
    """Copies a stream line by line and mends on the way; ``counts`` says how often."""

    counts: Counter[str] = field(default_factory=Counter)
    _first_with: dict[bytes, int] = field(default_factory=dict)

    def repair(self, stream: ByteStream, out: BinaryIO) -> Iterator[Repair]:
        """Write the mended lines to ``out``; yields each repair as it is made.

        Raises:
            InvalidDataset: A line is too long to be copied.
        """
        for block in read_blocks(stream):
            if block.is_overlong:
                raise InvalidDataset(f"Line {block.first_line} is too long to be repaired.", code="line-too-long")
            for number, line in block.lines():
                mended, repairs = self._mend(number, line)
                out.write(mended)
                self.counts.update(repair.code for repair in repairs)
                yield from repairs

    def _mend(self, number: int, line: bytes) -> tuple[bytes, list[Repair]]:
        repairs: list[Repair] = []
        if number == 1 and line.startswith(BOM):
            line = line.removeprefix(BOM)
            repairs.append(Repair(code="bom", line=1, message="Removed the byte order mark."))
        if line.endswith(b"\r\n"):
            line = line[:-2] + b"\n"
            repairs.append(Repair(code="crlf", line=number, message="CR LF became LF."))
        if not line.strip():
            return b"", [*repairs, Repair(code="blank-line", line=number, message="Removed the blank line.")]
        parsed = parse_line(line.strip())
        if parsed.value is None or parsed.notes:
            return line, repairs
        first = self._first_with.setdefault(_content(parsed.value), number)
        if first != number:
            message = f"Removed: the same as line {first}."
            return b"", [*repairs, Repair(code="duplicate-record", line=number, message=message)]
        ordered = _ordered(parsed.value)
        if list(ordered) != list(parsed.value):
            line = msgspec.json.encode(ordered) + b"\n"
            repairs.append(Repair(code="key-order", line=number, message="Put the keys in canonical order."))
        return line, repairs


def _content(value: Mapping[str, JSON]) -> bytes:
    """Equal for records that differ in nothing but their id and the order of keys."""
    content = {key: item for key, item in value.items() if key != "id"}
    return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=16).digest()


def _ordered(value: Mapping[str, JSON]) -> dict[str, JSON]:
    rest = sorted(key for key in value if key not in KNOWN_KEYS)
    return {key: value[key] for key in (*_ORDER, *rest) if key in value}
