"""A corpus of faults: each is put into clean data, found on its line, and nothing else is."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, DatasetReport, check_dataset
from airflow_provider_bedrock_rft.core.dataset.finding import FindingLog, Severity
from airflow_provider_bedrock_rft.core.dataset.learned import LearnedFormat
from airflow_provider_bedrock_rft.core.dataset.lines import read_blocks
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.rules import RULES
from airflow_provider_bedrock_rft.core.dataset.scan import FileScan
from airflow_provider_bedrock_rft.core.dataset.source import EVALUATION, Source

FAULTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "faults.json").read_text())
FOUND_ELSEWHERE = {
    "unreadable-file",  # by opening a source: tests/clients/test_sources.py
    "missing-column",
    "changed-while-read",
    "compression-bomb",
    "line-too-long",  # test_check.py
    "ungradable-reference",
    "grader-failed",
    "language-drift",
    "check-skipped",
}


def follow(record: Any, path: str) -> tuple[Any, Any]:
    *parents, last = path.split(".")
    for name in parents:
        record = record[int(name) if name.isdigit() else name]
    return record, int(last) if last.isdigit() else last


def edited(record: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    record = copy.deepcopy(record)
    for path in edit.get("drop", ()):
        parent, key = follow(record, path)
        del parent[key]
    for path, value in edit.get("set", {}).items():
        parent, key = follow(record, path)
        parent[key] = value
    if path := edit.get("upper"):
        parent, key = follow(record, path)
        parent[key] = parent[key].upper()
    for path, (old, new) in edit.get("replace", {}).items():
        parent, key = follow(record, path)
        parent[key] = parent[key].replace(old, new)
    return record


def spoil_records(records: list[dict[str, Any]], edits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = list(records)
    for edit in edits:
        if edit.get("all"):
            records = [edited(record, edit) for record in records]
        elif "keep" in edit:
            records = records[: edit["keep"]]
        elif "repeat" in edit:
            records = [
                edited(
                    records[0],
                    {
                        "set": {
                            "id": f"r{n}",
                            "messages.1.content": f"What is {n} plus {n}?",
                            "reference_answer": str(2 * n),
                        }
                    },
                )
                for n in range(edit["repeat"])
            ]
        elif "line" in edit and not {"raw", "suffix"} & edit.keys():
            base = records[edit.get("copy", edit["line"]) - 1]
            records[edit["line"] - 1] = edited(base, edit)
    return records


def spoil_bytes(lines: list[bytes], edits: list[dict[str, Any]]) -> bytes:
    for edit in edits:
        if "raw" in edit:
            lines[edit["line"] - 1] = edit["raw"].encode("latin-1")
        if "suffix" in edit:
            lines[edit["line"] - 1] += edit["suffix"].encode()
    data = b"".join(line + b"\n" for line in lines)
    for edit in edits:
        data = edit.get("prefix", "").encode("latin-1") + data[: len(data) - edit.get("truncate", 0)]
        data = data.decode().encode(edit["encode"]) if "encode" in edit else data
        data = edit["bytes"].encode("latin-1") if "bytes" in edit else data
    return data


def to_lines(records: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") for record in records]


def check(fault: dict[str, Any], records: list[dict[str, Any]]) -> DatasetReport:
    edits = fault["edits"]
    spoilt = spoil_records(records, edits)
    sources = [Source.of_bytes(spoil_bytes(to_lines(spoilt), edits), name="train")]
    if "evaluation" in fault:
        held_out = [edited(spoilt[edit.get("copy", 1) - 1], edit) for edit in fault["evaluation"]]
        data = b"".join(line + b"\n" for line in to_lines(held_out))
        sources.append(Source.of_bytes(data, name="evaluation", split=EVALUATION))
    targets = tuple(Target(name) for name in fault.get("targets", ["mantle"]))
    return check_dataset(sources, CheckOptions(targets=targets, max_prompt_tokens=fault.get("max_prompt_tokens")))


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["name"] for fault in FAULTS])
def test_the_fault_is_found_on_its_line_and_nothing_else_is(
    fault: dict[str, Any], word_problems: list[dict[str, Any]]
) -> None:
    report = check(fault, word_problems)
    expected = {(fault["code"], fault["line"] or 0), *((code, line) for code, line in fault.get("also", ()))}
    assert {(each.code, each.place.line) for each in report.findings} == expected, list(map(str, report.findings))
    first = next(each for each in report.findings if each.code == fault["code"])
    assert first.place.file == fault.get("edits_in", "train")
    assert (first.other.line if first.other else None) == fault.get("other_line")
    assert first.message
    assert first.action
    assert report.has_errors == any(each.severity is Severity.ERROR for each in report.findings)


def test_the_corpus_has_a_fault_for_every_rule() -> None:
    assert len(FAULTS) >= 60
    assert {fault["code"] for fault in FAULTS} | FOUND_ELSEWHERE == set(RULES)
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS)


def scanned(data: bytes, learned: LearnedFormat | None, needs: Requirements) -> FileScan:
    """Lines from the middle of a file, looked at with or without a format that was learned before."""
    scan = FileScan.of("train", "train", needs, FindingLog())
    scan.opens_source = False
    scan.learned = learned
    for block in read_blocks(io.BytesIO(data)):
        scan.take_block(block)
    scan.release()
    return scan


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["name"] for fault in FAULTS])
def test_the_fast_way_finds_what_the_thorough_way_finds(
    fault: dict[str, Any], word_problems: list[dict[str, Any]]
) -> None:
    limit = fault.get("max_prompt_tokens")
    needs = Requirements.of([Target(name) for name in fault.get("targets", ["mantle"])], max_prompt_tokens=limit)
    spoilt = spoil_records(word_problems, fault["edits"])
    data = spoil_bytes(to_lines(spoilt), fault["edits"])
    learned = LearnedFormat.learn(word_problems, limit)
    assert learned is not None
    assert scanned(data, learned, needs) == scanned(data, None, needs)


def test_the_fast_way_is_taken_around_a_fault(word_problems: list[dict[str, Any]]) -> None:
    lines = to_lines(word_problems)
    lines[60] = b"{oops"
    learned = LearnedFormat.learn(word_problems, None)
    assert learned is not None
    data = b"".join(line + b"\n" for line in lines)
    scan = FileScan.of("train", "train", Requirements.of([Target.MANTLE]), FindingLog())
    scan.opens_source, scan.learned = False, learned
    scan.take_block(next(iter(read_blocks(io.BytesIO(data)))))
    assert scan.learned is learned  # it was not given up for one bad line
    assert (scan.n_records, scan.n_refused) == (119, 1)
    assert [(each.code, each.place.line) for each in scan.log] == [("malformed-json", 61)]
