"""Tables as streams of JSONL, row by row; the line of a finding is the row's number, the header not counted."""

from __future__ import annotations

import csv
import io
import tempfile
from typing import IO, TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping, line_of_row
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream
    from airflow_provider_bedrock_rft.core.dataset.record import JSON

_MAX_CELL_CHARACTERS = 8 * 1024 * 1024
_ROWS_AT_ONCE = 1_000


class LineStream:
    """An iterator of lines as something to ``read`` from."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        parts, n_bytes = [self._rest], len(self._rest)
        while n_bytes < size and (line := next(self._lines, b"")):
            parts.append(line)
            n_bytes += len(line)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]


def csv_lines(stream: IO[bytes], name: str, mapping: ColumnMapping) -> ByteStream:
    """A CSV (or, by its name, tab-separated) stream in UTF-8 with a header, as JSONL."""
    return LineStream(_lines_of_csv(stream, name, mapping))


def parquet_lines(stream: IO[bytes], name: str, mapping: ColumnMapping) -> ByteStream:
    """A Parquet file as JSONL, a thousand rows in memory at a time."""
    return LineStream(_lines_of_parquet(stream, name, mapping))


def _lines_of_csv(stream: IO[bytes], name: str, mapping: ColumnMapping) -> Iterator[bytes]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    text = io.TextIOWrapper(cast("IO[bytes]", _Readable(stream)), encoding="utf-8-sig", newline="")
    delimiter = "\t" if ".tsv" in name.lower() else ","
    rows = csv.DictReader(text, delimiter=delimiter, restkey="_surplus", strict=True)
    try:
        mapping.check(rows.fieldnames or (), name)
        for number, row in enumerate(rows, 1):
            if "_surplus" in row:
                message = f"Row {number} of {name} has more cells than the header."
                raise InvalidDataset(message, code="unreadable-file")
            yield line_of_row(row, mapping)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidDataset(
            f"{name} cannot be read as CSV, near line {rows.line_num}: {error}.", code="unreadable-file"
        ) from None


class _Readable(io.RawIOBase):
    """Just enough of a file for a text wrapper."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


def _lines_of_parquet(stream: IO[bytes], name: str, mapping: ColumnMapping) -> Iterator[bytes]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        message = f"{name} needs the package pyarrow (extra: datasets)."
        raise InvalidDataset(message, code="unreadable-file") from None
    with tempfile.TemporaryFile() as seekable:
        while chunk := stream.read(1 << 20):
            seekable.write(chunk)
        seekable.seek(0)
        try:
            table = parquet.ParquetFile(seekable)
            mapping.check(table.schema_arrow.names, name)
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from (line_of_row(cast("dict[str, JSON]", row), mapping) for row in batch.to_pylist())
        except (pa.ArrowException, OSError) as error:
            message = f"{name} cannot be read as Parquet: {error}."
            raise InvalidDataset(message, code="unreadable-file") from None
