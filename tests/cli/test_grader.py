from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "from airflow_provider_bedrock_rft.grading import marked_number\n\ndef grade(completion, reference): return marked_number(completion, reference)\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "weak.py").write_text("def grade(completion, reference): return float(reference in completion)\n")
    lines = [
        {"messages": [{"role": "user", "content": f"{n} + 7?"}], "reference_answer": f"#### {n + 7}"} for n in range(12)
    ]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_a_good_grader_passes(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grader", "test", f"{files}/good.py", "--dataset", f"{files}/data.jsonl"]) == 0
    assert capsys.readouterr().out.endswith("passed\n")


def test_a_weak_one_fails_and_json_says_why(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["grader", "test", f"{files}/weak.py:grade", "--dataset", f"{files}/data.jsonl", "--format", "json"]
    assert main([*arguments, "--limit", "5"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["passed"], document["n_records"]) == ("grader-test/1", False, 5)


def test_a_check_can_be_skipped_and_html_is_a_page(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["grader", "test", f"{files}/good.py", "--dataset", f"{files}/data.jsonl", "--format", "html"]
    assert main([*arguments, "--skip", "latency"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert "latency" not in page


def test_packaging_prints_the_digest_and_is_reproducible(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one.zip", "two.zip"):
        assert main(["grader", "package", f"{files}/good.py", "--out", f"{files}/{name}"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed[0] == printed[1] == hashlib.sha256((files / "one.zip").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["test", "absent.py", "--dataset", "data.jsonl"], "absent.py"),
        (["test", "good.py", "--dataset", "absent.jsonl"], "absent.jsonl cannot be read"),
        (["test", "good.py", "--dataset", "data.jsonl", "--env", "NOVALUE"], "Write NAME=VALUE"),
        (["package", "good.py:other", "--out", "x.zip"], "no function 'other'"),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    placed = [
        str(files / word) if word.partition(":")[0].endswith((".py", ".jsonl", ".zip")) else word for word in arguments
    ]
    assert main(["grader", *placed]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
