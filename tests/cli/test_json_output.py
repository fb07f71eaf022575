"""Every command that has a result gives it to programs too, as one JSON object that names its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft import cli
from airflow_provider_bedrock_rft.cli.teaching import children

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_A_RESULT = {"demo", "completion", "emulator"}


def result(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert cli.main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    line = '{"messages": [{"role": "user", "content": "What is %d + %d?"}], "reference_answer": "%d"}\n'
    path.write_text("".join(line % (n, n * 7919, n * 7920) for n in range(40)))
    return path


@pytest.mark.parametrize("group", sorted(set(cli.GROUPS) - WITHOUT_A_RESULT))
def test_there_is_a_format_for_programs(group: str) -> None:
    parser = cli.command_parser(group)
    commands = [child for _, child, _ in children(parser)] or [parser]
    for command in commands:
        (choice,) = [action for action in command._actions if action.dest == "format"]
        assert choice.choices
        assert "json" in choice.choices


def test_a_split(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "dataset", "split", str(dataset), "--out", str(tmp_path / "parts"), "--seed", "7")
    assert (found["schema"], found["seed"]) == ("dataset-split/1", 7)
    assert sum(part["n_records"] for part in found["parts"]) == 40
    assert {part["name"] for part in found["parts"]} == {"train", "validation", "test"}


def test_an_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, out = tmp_path / "log.json", tmp_path / "asked.jsonl"
    body = {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]}}
    log.write_text(json.dumps({"modelId": "m", "requestId": "r1", "input": body}) + "\n")
    found = result(capsys, "dataset", "from-invocation-logs", str(log), "--out", str(out))
    assert (found["schema"], found["n_records"], found["entries"]) == ("dataset-import/1", 1, {"taken": 1})


def test_a_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grader = tmp_path / "grader.py"
    grader.write_text("def grade(completion, reference):\n    return float(completion == reference)\n")
    found = result(capsys, "grader", "package", str(grader), "--out", str(tmp_path / "grader.zip"))
    assert found["schema"] == "grader-package/1"
    assert len(found["sha256"]) == 64


def test_nothing_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "down", "--home", str(tmp_path / "none"))
    assert (found["schema"], found["stopped"]) == ("stack/1", [])
