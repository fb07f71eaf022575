from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.training.records import DatasetRejection, TrainingRecord, read_records

if TYPE_CHECKING:
    from pathlib import Path

USER = {"role": "user", "content": "2+2?"}


def read(path: Path, *lines: Any, least: int = 1, most: int = 10) -> list[TrainingRecord]:
    text = [line if isinstance(line, (str, bytes)) else json.dumps(line) for line in lines]
    (path / "f").write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in text))
    return read_records(path / "f", min_records=least, max_records=most)


def test_records_are_read_with_what_belongs_to_the_grader(tmp_path: Path) -> None:
    first = {"id": "x", "messages": [USER], "reference_answer": {"a": 1}, "level": 3}
    second = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "?"}]},
        ]
    }
    one, two = read(tmp_path, first, "", second)
    assert (one.record_id, one.reference, one.extra) == ("x", {"a": 1}, {"level": 3})
    assert (two.record_id, two.reference, two.extra) == ("line-3", None, {})


def test_equal_ids_are_told_apart(tmp_path: Path) -> None:
    ids = [record.record_id for record in read(tmp_path, *[{"id": "x", "messages": [USER]}] * 3)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{oops", "malformed JSON"),
        (b"\xff\xfe", "not UTF-8"),
        ("[" * 100_000, "."),
        ([1], "expected a JSON object"),
        ({}, "messages must be a non-empty list"),
        ({"messages": []}, "messages must be a non-empty list"),
        ({"messages": ["hi"]}, "each message must be an object"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "unknown role 'robot'"),
        ({"messages": [{**USER, "name": "x"}]}, "unknown message key 'name'"),
        ({"messages": [{"role": "user", "content": " "}]}, "content of a user message"),
        ({"messages": [{"role": "user"}]}, "content of a user message"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "text parts only"),
        ({"messages": [USER, {"role": "system", "content": "x"}]}, "a system message must come first"),
        ({"messages": [{"role": "system", "content": "x"}]}, "at least one user message"),
        ({"messages": [USER], "id": ""}, "id must be a non-empty string"),
        ({"messages": [USER], "reference_answer": ""}, "reference_answer must be"),
        ({"messages": [USER], "reference_answer": 4}, "reference_answer must be"),
        ({"messages": [USER], "reference_answer": {}}, "reference_answer must be"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: Any, why: str) -> None:
    with pytest.raises(DatasetRejection, match=f"^line 2: .*{why}"):
        read(tmp_path, {"messages": [USER]}, line)


def test_too_few_and_too_many_are_told(tmp_path: Path) -> None:
    good = {"messages": [USER]}
    with pytest.raises(DatasetRejection, match="2 records; at least 3"):
        read(tmp_path, good, good, least=3)
    with pytest.raises(DatasetRejection, match="line 3: the file has more than 2 records"):
        read(tmp_path, good, good, good, most=2)
