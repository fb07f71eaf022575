"""``compare`` over a year: a ledger in a file; and labels of people beside the grader's scores."""

from __future__ import annotations

import json
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.cli import main

if TYPE_CHECKING:
    from pathlib import Path

N_WON = 12
"""Of 100 pairs, none lost: p = 2^-12."""


def write(path: Path, scores: list[float], **fields: list[Any]) -> str:
    lines = [
        {"sample_id": f"s{i}", "score": score, **{name: values[i] for name, values in fields.items()}}
        for i, score in enumerate(scores)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    return pair(tmp_path, "", N_WON)


def pair(folder: Path, name: str, n_won: int) -> tuple[str, str]:
    base = [0.0] * 50 + [1.0] * 50
    return (
        write(folder / f"base{name}.jsonl", base),
        write(folder / f"cand{name}.jsonl", [1.0] * n_won + base[n_won:]),
    )


def policy(folder: Path, text: str = "yearly_risk: 0.1\nruns_per_year: 10\n") -> str:
    path = folder / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_each_test_of_a_year_gets_its_share_and_a_success_hands_its_level_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, alphas = tmp_path / "ledger.jsonl", []
    for number, n_won in enumerate((3, N_WON, 4)):
        options = ["--policy", policy(tmp_path), "--ledger", str(ledger), "--format", "json"]
        main(["compare", *pair(tmp_path, str(number), n_won), *options])
        alphas.append(json.loads(capsys.readouterr().out)["alpha"])
    assert alphas == pytest.approx([0.01, 0.01, 0.02])
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [entry["number"] for entry in entries] == [1, 2, 3]
    assert entries[0]["test_id"].endswith("base0.jsonl")


def test_the_same_comparison_spends_once(tmp_path: Path, sides: tuple[str, str]) -> None:
    ledger = tmp_path / "ledger.jsonl"
    for _ in range(3):
        assert main(["compare", *sides, "--policy", policy(tmp_path), "--ledger", str(ledger)]) == 0
    assert len(ledger.read_text().splitlines()) == 1


def test_a_spent_year_promotes_nothing_and_another_year_is_another_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    text = policy(tmp_path, "yearly_risk: 0.1\nruns_per_year: 1\n")
    main(["compare", *pair(tmp_path, "a", 1), "--policy", text, "--ledger", str(ledger)])
    capsys.readouterr()
    assert main(["compare", *pair(tmp_path, "b", N_WON), "--policy", text, "--ledger", str(ledger)]) == 3
    assert "budget of this year is spent" in capsys.readouterr().out
    entries = [{**json.loads(line), "at": 1e9} for line in ledger.read_text().splitlines()]
    ledger.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert main(["compare", *pair(tmp_path, "c", N_WON), "--policy", text, "--ledger", str(ledger)]) == 0


def test_without_a_ledger_a_test_has_its_fair_share(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compare", *sides, "--policy", policy(tmp_path), "--format", "json"])
    assert json.loads(capsys.readouterr().out)["alpha"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("text", "content", "sentence"),
    [
        ("alpha: 0.05\n", "", "states none"),
        ("yearly_risk: 0.1\n", "{not json\n", "line 1 is no entry"),
        ("yearly_risk: 0.1\n", '{"kind": "rft.other"}\n', "line 1 is no entry"),
    ],
)
def test_a_ledger_that_cannot_be_kept_is_refused(
    tmp_path: Path,
    sides: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    text: str,
    content: str,
    sentence: str,
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(content)
    assert main(["compare", *sides, "--policy", policy(tmp_path, text), "--ledger", str(ledger)]) == 2
    assert sentence in capsys.readouterr().err
    assert ledger.read_text() == content


def test_a_ledger_in_a_folder_that_is_not_there(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *sides, "--policy", policy(tmp_path), "--ledger", str(tmp_path / "no" / "l")]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_concurrent_comparisons_take_turns(tmp_path: Path) -> None:
    ledger, text = tmp_path / "ledger.jsonl", policy(tmp_path)
    pairs = [pair(tmp_path, str(number), number + 1) for number in range(6)]
    arguments = [
        ["compare", *sides, "--policy", text, "--ledger", str(ledger), "--output", str(tmp_path / "out")]
        for sides in pairs
    ]
    threads = [threading.Thread(target=main, args=(one,)) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads(line)["number"] for line in ledger.read_text().splitlines()) == [1, 2, 3, 4, 5, 6]


def labelled(folder: Path, n: int, *, flipped: int) -> tuple[str, str]:
    draw = random.Random(0)
    scores = [float(draw.random() < 0.5) for _ in range(n)]
    labels = [1.0 - score if i < flipped else score for i, score in enumerate(scores)]
    return write(folder / "base.jsonl", scores, label=labels), write(folder / "cand.jsonl", scores)


def test_labels_of_people_calibrate_the_grader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = labelled(tmp_path, 100, flipped=10)
    main(["compare", *sides, "--format", "json"])
    found = json.loads(capsys.readouterr().out)["grader_calibration"]
    assert found["n"] == 100
    assert found["kappa"] == pytest.approx(0.8, abs=0.03)
    assert found["kappa_low"] < found["kappa"]
    assert found["n_false_passes"] + found["n_false_fails"] == 10
    assert found["bias"] == pytest.approx((found["n_false_passes"] - found["n_false_fails"]) / 100)
    assert [(one["low"], one["high"]) for one in found["bins"]] == [(0.0, 0.2), (0.8, 1.0)]
    main(["compare", *sides, "--format", "html"])
    page = capsys.readouterr().out
    assert "Calibration of the grader" in page
    assert "labels of people" in page
    main(["compare", *sides])
    assert "false passes" in capsys.readouterr().out


def test_too_few_labels_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = labelled(tmp_path, 20, flipped=1)
    main(["compare", *sides])
    assert "20 of at least 30 needed" in capsys.readouterr().out
    main(["compare", *sides, "--format", "json"])
    assert json.loads(capsys.readouterr().out)["grader_calibration"] is None
    assert main(["compare", *sides, "--format", "html"]) == 3


def test_a_label_that_is_no_number_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write(tmp_path / "base.jsonl", [1.0, 0.0], label=[1, "good"])
    assert main(["compare", base, write(tmp_path / "cand.jsonl", [1.0, 0.0])]) == 2
    assert "line 2: label is 'good'" in capsys.readouterr().err
