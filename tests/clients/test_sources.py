from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.objects import S3Objects
from airflow_provider_bedrock_rft.clients.sources import find_sources
from airflow_provider_bedrock_rft.clients.sources_s3 import S3Spool
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.columns import ColumnMapping
from airflow_provider_bedrock_rft.core.dataset.jsonl import read_records
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"id": f"r{n}", "question": f"What is {n} and\n{n}?", "answer": str(2 * n), "level": n % 3} for n in range(120)]
COLUMNS = ColumnMapping(prompt="question", reference="answer", record_id="id")
LINES = b"".join(
    json.dumps(
        {"id": row["id"], "messages": [{"role": "user", "content": row["question"]}], "reference_answer": row["answer"]}
    ).encode()
    + b"\n"
    for row in ROWS
)


def check(*paths: str | Path, columns: ColumnMapping | None = None, spool: S3Spool | None = None) -> DatasetReport:
    sources = find_sources([str(path) for path in paths], columns=columns, spool=spool)
    return check_dataset(sources, CheckOptions(deep=None))


def codes(report: DatasetReport) -> list[str]:
    return [finding.code for finding in report.findings]


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_packed_and_plain_are_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"train{suffix}"
    data = LINES
    if suffix.endswith("gz"):
        data = gzip.compress(LINES)
    elif suffix.endswith("zst"):
        data = pytest.importorskip("zstandard").ZstdCompressor().compress(LINES)
    path.write_bytes(data)
    report = check(path)
    assert report.findings == ()
    assert report.n_records == 120


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_tables_become_records(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"train.{kind}"
    if kind == "parquet":
        write_parquet(path, ROWS)
    else:
        write_csv(path, ROWS, "\t" if kind == "tsv" else ",")
    (source,) = find_sources([str(path)], columns=COLUMNS)
    with source.open() as stream:
        records = list(read_records(stream))
    assert [record.record_id for record in records] == [row["id"] for row in ROWS]
    assert records[7].prompt == "What is 7 and\n7?"
    assert records[7].reference == "14"
    assert set(records[7].metadata) == {"level"}
    assert check(path, columns=COLUMNS).findings == ()


def test_parquet_with_messages_needs_no_mapping(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in LINES.splitlines()]
    assert check(write_parquet(tmp_path / "train.parquet", rows)).findings == ()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_missing_column_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"train.{kind}"
    write_csv(path, ROWS) if kind == "csv" else write_parquet(path, ROWS)
    (finding,) = check(path).findings
    assert finding.code == "missing-column"
    assert "'prompt'" in finding.message
    assert "'question'" in finding.message


def test_an_empty_cell_is_a_missing_reference_in_its_row(tmp_path: Path) -> None:
    rows = [{**row, "answer": "" if number == 4 else row["answer"]} for number, row in enumerate(ROWS)]
    (finding,) = check(write_csv(tmp_path / "train.csv", rows), columns=COLUMNS).findings
    assert (finding.code, finding.place.line) == ("missing-reference", 5)


def unreadable_files(folder: Path) -> dict[str, Path]:
    files = {
        "a directory": folder,
        "no such file": folder / "gone.jsonl",
        "cut gzip": folder / "cut.jsonl.gz",
        "no gzip": folder / "not.jsonl.gz",
        "no zstandard": folder / "not.jsonl.zst",
        "no parquet": folder / "not.parquet",
        "ragged csv": folder / "ragged.csv",
        "latin-1 csv": folder / "latin.csv",
    }
    files["cut gzip"].write_bytes(gzip.compress(LINES)[:-40])
    for name in ("no gzip", "no zstandard", "no parquet"):
        files[name].write_bytes(LINES)
    files["ragged csv"].write_text("prompt,reference_answer\na,b,c\n")
    files["latin-1 csv"].write_bytes("prompt,reference_answer\nQué,b\n".encode("latin-1"))
    return files


@pytest.mark.parametrize("name", [
    "a directory", "no such file", "cut gzip", "no gzip", "no zstandard", "no parquet", "ragged csv", "latin-1 csv",
])  # fmt: skip
def test_what_cannot_be_read_is_a_finding(tmp_path: Path, name: str) -> None:
    report = check(unreadable_files(tmp_path)[name])
    assert codes(report)[0] == "unreadable-file"
    assert report.has_errors


def test_an_empty_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert codes(check(tmp_path / "empty.jsonl")) == ["empty-file"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_is_stopped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb.jsonl{suffix}"
    if suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=9) as stream:
            for _ in range(100):
                stream.write(b" " * (1 << 20))
    else:
        path.write_bytes(pytest.importorskip("zstandard").ZstdCompressor(level=19).compress(b" " * (100 << 20)))
    assert "compression-bomb" in codes(check(path))


class Bucket:
    """The part of boto3's S3 client that the spool uses; ``changes`` swaps the object while it is read."""

    def __init__(self, objects: dict[str, bytes], *, changes: bool = False) -> None:
        self.objects = objects
        self.changes = changes
        self.n_reads = 0

    def _etag(self, key: str) -> str:
        return f'"{hash(self.objects[key])}"'

    def head_object(self, Bucket: str, Key: str) -> dict[str, object]:  # noqa: N803 - boto3's names
        assert Bucket == "data"
        if Key not in self.objects:
            raise no_such_key()
        return {"ETag": self._etag(Key)}

    def get_object(self, Bucket: str, Key: str, IfMatch: str) -> dict[str, object]:  # noqa: N803
        assert Bucket == "data"
        assert IfMatch == self._etag(Key).strip('"')
        self.n_reads += 1
        body = Body(self.objects[Key])
        if self.changes:
            self.objects[Key] += b"{}\n"
        return {"Body": body}

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, object]]:  # noqa: N803
        assert Bucket == "data"
        found = [{"Key": key, "Size": len(data)} for key, data in self.objects.items() if key.startswith(Prefix)]
        return [{"Contents": found}] if found else [{}]


class Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Any:
        return iter(lambda: self.read(size), b"")


def no_such_key() -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": "404"}}, "HeadObject")


def test_objects_and_prefixes_are_read_once_and_named_by_uri() -> None:
    half = LINES.splitlines(keepends=True)
    bucket = Bucket({"d/a.jsonl": b"".join(half[:60]), "d/b.jsonl.gz": gzip.compress(b"".join(half[60:])), "d/": b""})
    with S3Spool(S3Objects(bucket)) as spool:
        sources = find_sources(["s3://data/d/"], spool=spool)
        report = check_dataset(sources)  # both passes
        assert report.findings == ()
        assert [file.path for file in report.files] == ["s3://data/d/a.jsonl", "s3://data/d/b.jsonl.gz"]
        assert all(source.version for source in sources)
    assert bucket.n_reads == 2


def test_an_object_that_changes_while_it_is_read_is_refused() -> None:
    with S3Spool(S3Objects(Bucket({"a.jsonl": LINES}, changes=True))) as spool:
        assert codes(check("s3://data/a.jsonl", spool=spool)) == ["changed-while-read"]


def test_an_object_or_prefix_that_is_not_there_is_named() -> None:
    with S3Spool(S3Objects(Bucket({}))) as spool:
        assert codes(check("s3://data/a.jsonl", spool=spool)) == ["unreadable-file"]
        with pytest.raises(InvalidInput, match="no objects below"):
            find_sources(["s3://data/d/"], spool=spool)
    with pytest.raises(InvalidInput, match="credentials"):
        find_sources(["s3://data/a.jsonl"])
