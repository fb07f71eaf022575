"""Many processes find what one finds, whatever the data and wherever they are cut."""

from __future__ import annotations

import gzip
import io
import json
import random
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_bedrock_rft.clients.scan_worker import cuts_of
from airflow_provider_bedrock_rft.clients.scanning import check_sources, scan_in_workers
from airflow_provider_bedrock_rft.clients.sources import find_sources
from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.source import EVALUATION, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.dataset.lines import ByteStream

SHALLOW = CheckOptions(deep=None)
SPOILERS: list[bytes] = [
    b"{oops\n",
    b"\n",
    b"[]\n",
    b'{"messages": []}\n',
    b"\xff\xfe\n",
    b'{"messages": [{"role": "user", "content": "a\\u200bb"}], "reference_answer": "1"}\n',
    b'{"messages": [{"role": "user", "content": "Why?", "content": "How?"}], "reference_answer": "1"}\n',
    b'{"messages": [{"role": "user", "content": "Same"}], "reference_answer": "1"}\n',
    b'{"messages": [{"role": "user", "content": "Same"}], "reference_answer": "2"}\n',
    b'{"messages": [{"role": "user", "content": "The answer is 77"}], "reference_answer": "77"}\r\n',
]


def spoilt_lines(seed: int, n_lines: int) -> list[bytes]:
    drawn = random.Random(seed)
    lines = [
        json.dumps(
            {
                "id": f"r{n}",
                "messages": [{"role": "user", "content": f"What is {n} plus {n}? {'x' * drawn.randrange(90)}"}],
                "reference_answer": {"answer": str(2 * n), "steps": n % 5},
                "level": n / 4,
            }
        ).encode()
        + b"\n"
        for n in range(n_lines)
    ]
    for _ in range(40):
        lines.insert(drawn.randrange(len(lines)), drawn.choice(SPOILERS))
    return lines


def both_ways(sources: Sequence[Source], range_bytes: int = 20_000) -> DatasetReport:
    alone = check_dataset(sources, SHALLOW)
    shared = check_dataset(sources, SHALLOW, scan=partial(scan_in_workers, range_bytes=range_bytes))
    assert shared.findings == alone.findings
    assert shared == alone
    return alone


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spoilt_files_plain_and_packed_together(tmp_path: Path, seed: int) -> None:
    plain, packed, held_out = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", tmp_path / "c.jsonl"
    lines = spoilt_lines(seed, 1_500)
    plain.write_bytes(b"\xef\xbb\xbf" + b"".join(lines[:1_000]))
    packed.write_bytes(gzip.compress(b"".join(lines[1_000:])))
    held_out.write_bytes(b"".join(lines[300:320])[:-9])
    sources = find_sources([str(plain), str(packed)]) + find_sources([str(held_out)], split=EVALUATION)
    report = both_ways(sources)
    assert {"bom", "leakage", "conflicting-reference", "truncated-line"} <= set(report.counts_by_code)


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "binary.jsonl").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"".join(spoilt_lines(4, 300)))[:-30])
    (tmp_path / "good.jsonl").write_bytes(b"".join(spoilt_lines(5, 300)))
    names = ["empty.jsonl", "binary.jsonl", "gone.jsonl", "cut.jsonl.gz", "good.jsonl", "."]
    report = both_ways(find_sources([str(tmp_path / name) for name in names]))
    assert {"empty-file", "binary-file", "unreadable-file"} <= set(report.counts_by_code)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_line_without_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"long.jsonl{suffix}"
    good = b"".join(spoilt_lines(6, 200))
    data = good + b'{"messages": "' + random.Random(1).randbytes(9 << 20).replace(b"\n", b"") + b'"}\n' + good
    path.write_bytes(gzip.compress(data, 1) if suffix else data)
    report = both_ways(find_sources([str(path)]), range_bytes=100_000)
    assert report.counts_by_code["line-too-long"] == 1


def test_findings_beyond_what_is_kept_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{\n" * 3_000)
    options = CheckOptions(deep=None, max_kept_per_code=700)
    sources = find_sources([str(path)])
    shared = check_dataset(sources, options, scan=partial(scan_in_workers, range_bytes=1_000))
    assert shared == check_dataset(sources, options)
    assert shared.counts_by_code["malformed-json"] == 3_000


def replaced(source: Source, disturb: Any) -> Source:
    """The source, with something happening when its stream is first read."""

    @contextmanager
    def opened() -> Iterator[ByteStream]:
        with source.open() as stream:
            disturb()
            yield stream

    return Source(name=source.name, open=opened, locate=source.locate)


def test_workers_that_die_are_done_without(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(spoilt_lines(7, 400)))
    (source,) = find_sources([str(path)])

    def kill_workers() -> None:
        for child in psutil.Process().children():
            if any("scan_worker" in word for word in child.cmdline()):
                child.kill()

    report = check_dataset([replaced(source, kill_workers)], SHALLOW, scan=scan_in_workers)
    assert report == check_dataset([source], SHALLOW)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(spoilt_lines(8, 400)))
    (source,) = find_sources([str(path)])

    def grow() -> None:
        with path.open("ab") as stream:
            stream.write(b"{}\n")

    for options in ({}, {"scan": scan_in_workers}):
        report = check_dataset([replaced(source, grow)], SHALLOW, **options)
        assert "changed-while-read" in report.counts_by_code


def test_small_datasets_stay_in_this_process(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(spoilt_lines(9, 200)))
    (source,) = find_sources([str(path)])

    def look() -> None:
        assert not any("scan_worker" in " ".join(child.cmdline()) for child in psutil.Process().children())

    assert check_sources([replaced(source, look)], SHALLOW).n_records


def test_ranges_end_with_lines_and_leave_nothing_out(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = b"one\ntwo\n" + b"x" * 500 + b"\nlast"
    path.write_bytes(data)
    for range_bytes in (1, 3, 4, 100, 1_000):
        cuts = list(cuts_of(path, range_bytes))
        pieces = [data[start:stop] for start, stop in cuts]
        assert b"".join(pieces) == data
        assert all(piece.endswith(b"\n") for piece in pieces[:-1])


def test_sources_in_memory_are_shared_out_too() -> None:
    data = b"".join(spoilt_lines(10, 300))
    both_ways([Source(name="memory", open=lambda: io.BytesIO(data))])
