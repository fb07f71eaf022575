from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_bedrock_rft.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Line = Mapping[str, object]


class Compare(Protocol):
    def __call__(self, baseline: Iterable[Line | str], candidate: Iterable[Line | str], *options: str) -> int: ...


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    def run(baseline: Iterable[Line | str], candidate: Iterable[Line | str], *options: str) -> int:
        paths = []
        for name, lines in (("baseline", baseline), ("candidate", candidate)):
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
            paths.append(str(path))
        return main(["compare", *paths, *options])

    return run


def scores(values: Iterable[float], **fields: object) -> list[dict[str, object]]:
    return [{"sample_id": f"s{i}", "score": value, **fields} for i, value in enumerate(values)]


BETTER = (scores([0] * 40 + [1] * 60), scores([1] * 30 + [0] * 10 + [1] * 60))
SAME = (scores([0] * 40 + [1] * 60), scores([1] * 5 + [0] * 40 + [1] * 55))
WORSE = (BETTER[1], BETTER[0])


@pytest.mark.parametrize(
    ("sides", "status", "decision"), [(BETTER, 0, "promote"), (SAME, 3, "hold"), (WORSE, 4, "reject")]
)
def test_the_exit_status_is_the_decision(
    compare: Compare,
    capsys: pytest.CaptureFixture[str],
    sides: tuple[list[Line], list[Line]],
    status: int,
    decision: str,
) -> None:
    assert compare(*sides, "--format", "json") == status
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "comparison/1"
    assert found["decision"] == decision
    assert found["reasons"]
    assert found["n_samples"] == 100
    assert found["test"] == "exact McNemar"
    assert found["difference"].keys() >= {"estimate", "low", "high", "confidence"}
    assert found["difference"]["low"] <= found["difference"]["estimate"] <= found["difference"]["high"]
    assert 0 <= found["p_value"] <= 1
    assert found["power"]["n_needed"] > 0
    assert found["slices"] == []


def test_the_binary_p_value_is_the_binomial_one(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    compare(scores([0] * 8 + [1] * 2 + [1] * 40), scores([1] * 8 + [0] * 2 + [1] * 40), "--format", "json")
    assert json.loads(capsys.readouterr().out)["p_value"] == pytest.approx((45 + 10 + 1) / 1024)


def test_graded_scores_are_seeded(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(1)
    baseline = [draw.random() for _ in range(80)]
    candidate = [value + draw.gauss(0.02, 0.1) for value in baseline]
    found = []
    for seed in ("3", "3", "4"):
        compare(scores(baseline), scores(candidate), "--format", "json", "--seed", seed)
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert found[0]["difference"] != found[2]["difference"]
    assert found[0]["seed"] == 3
    assert found[0]["test"] == "sign-flip permutation"
    assert found[0]["difference"]["method"] == "BCa bootstrap"


def test_repeated_lines_are_completions_of_one_sample(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = scores([0, 1] * 20) + scores([1, 1] * 20)
    candidate = scores([1, 1] * 20)
    compare(baseline, candidate, "--format", "json")
    found = json.loads(capsys.readouterr().out)
    assert found["n_samples"] == 40
    assert found["difference"]["estimate"] == pytest.approx(0.25)


def test_groups_are_clusters(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(0)
    values = [draw.random() for _ in range(120)]
    sides = [
        [{"sample_id": f"s{i}", "score": v + d, "group": f"g{i // 6}"} for i, v in enumerate(values)] for d in (0, 0.1)
    ]
    compare(*sides, "--format", "json")
    found = json.loads(capsys.readouterr().out)
    assert found["n_clusters"] == 20
    assert found["test"] == "sign-flip permutation of clusters"


def test_a_slice_key_can_be_the_cluster(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"sample_id": f"s{i}", "score": i % 2, "slice": {"doc": f"d{i // 4}"}} for i in range(40)]
    assert compare(lines, lines, "--cluster", "doc", "--format", "json") == 3
    assert json.loads(capsys.readouterr().out)["n_clusters"] == 10
    assert compare(lines, lines, "--cluster", "user") == 2
    assert "no slice key 'user'" in capsys.readouterr().err


def test_slices_are_reported_and_tiny_ones_named(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    def lines(values: list[int]) -> list[Line]:
        return [
            {"sample_id": f"s{i}", "score": v, "slice": {"task": "odd-one" if i == 0 else "usual"}}
            for i, v in enumerate(values)
        ]

    compare(lines([0] * 60), lines([1] * 30 + [0] * 30), "--format", "json")
    found = {one["slice"]: one for one in json.loads(capsys.readouterr().out)["slices"]}
    assert found["task=odd-one"]["difference"] is None
    assert "1 of at least 8 needed" in found["task=odd-one"]["too_few"]
    assert found["task=usual"]["difference"]["estimate"] == pytest.approx(29 / 59)


def test_all_ties_are_held_by_name(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(BETTER[0], BETTER[0], "--format", "json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["reason_codes"] == ["all-ties"]
    assert found["difference"]["low"] < 0 < found["difference"]["high"]
    assert found["p_value"] == 1


def test_one_sample_is_too_few(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(scores([0]), scores([1]), "--format", "json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["difference"] is None
    assert found["reason_codes"] == ["too-few-samples"]


@pytest.mark.parametrize(
    ("baseline", "candidate", "sentence"),
    [
        (scores([0, 1]), scores([0]), "unmatched sample ids: the candidate has no scores for 's1'"),
        (scores([0]), scores([0, 1]), "unmatched sample ids: the baseline has no scores for 's1'"),
        (scores([0, 1, 1]) + scores([1]), scores([0, 1, 1]), "Duplicate sample id 's0'"),
        ([{"sample_id": "s0"}], scores([0]), "line 1: sample 's0' has no score"),
        ([{"sample_id": "s0", "score": None}], scores([0]), "line 1: sample 's0' has no score"),
        (['{"sample_id": "s0", "score": NaN}'], scores([0]), "score is nan, not a finite number"),
        (['{"sample_id": "s0", "score": 1e999}'], scores([0]), "score is inf, not a finite number"),
        ([{"sample_id": "s0", "score": "1"}], scores([0]), "score is '1', not a number"),
        ([{"sample_id": "s0", "score": True}], scores([0]), "score is True, not a number"),
        ([{"score": 1}], scores([0]), "sample_id is None"),
        (["{"], scores([0]), "line 1 is not JSON"),
        (["[1]"], scores([0]), "line 1 is not a JSON object"),
        ([], scores([0]), "holds no scores"),
        ([{"sample_id": "s0", "score": 1, "slice": "x"}], scores([0]), "slice is 'x'"),
        ([{"sample_id": "s0", "score": 1, "group": 7}], scores([0]), "group is 7, not a string"),
        ([{"sample_id": "s0", "score": 1, "latency_ms": "fast"}], scores([0]), "latency_ms is 'fast'"),
        (scores([0], prompt="a"), scores([0], prompt="b"), "disagree about the prompt of sample 's0'"),
        (scores([0], group="a"), scores([0], group="b"), "disagree about the group of sample 's0'"),
        (scores([0], slice={"a": "b"}), scores([0], slice={"a": "c"}), "disagree about the slices of sample 's0'"),
        (scores([0], grader="g:1"), scores([0], grader="g:2"), "different graders: g:1, g:2"),
        (scores([0, 1]) + scores([0, 1], group="g"), scores([0, 1]), "group, slice or prompt differ"),
    ],
)
def test_bad_input_is_refused_by_name(
    compare: Compare,
    capsys: pytest.CaptureFixture[str],
    baseline: list[Line],
    candidate: list[Line],
    sentence: str,
) -> None:
    assert compare(baseline, candidate) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "absent.jsonl"), str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl cannot be read" in capsys.readouterr().err


def test_a_binary_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_bad_usage_is_status_two() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["compare", "only-one.jsonl"])
    assert exit_.value.code == 2


def test_a_policy_is_obeyed(compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("minimum_gain: 0.5\nslice_margins: {'task=*': 0.02}\n")
    assert compare(*BETTER, "--policy", str(policy)) == 3
    assert "below the minimum" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("minimum_gian: 1", "no field 'minimum_gian'"),
        ("- 1", "mapping of its fields"),
        ("alpha: 2", "alpha is 2.0: it must lie between 0 and 1"),
        ("alpha: high", "cannot be read"),
        ("{", "cannot be read"),
        ("max_growth: {price: 1}", "price is 1.0: max_growth knows"),
    ],
)
def test_a_bad_policy_is_refused(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    assert compare(*BETTER, "--policy", str(policy)) == 2
    assert sentence in capsys.readouterr().err


def test_the_page_stands_alone_and_escapes_what_models_wrote(compare: Compare, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    baseline = scores([0] * 20 + [1] * 20, completion=evil, slice={"task": evil})
    candidate = scores([1] * 40, completion=f"{evil} & more", slice={"task": evil})
    page = tmp_path / "report.html"
    assert compare(baseline, candidate, "--format", "html", "--output", str(page)) == 0
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", text)
    assert "<svg" in text


def test_markdown_escapes_too(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    lines = scores([0, 1] * 20, slice={"task": "<b>|x|</b> [a](http://b)"})
    compare(lines, lines, "--format", "markdown")
    text = capsys.readouterr().out
    assert "<b>" not in text
    assert "[a](" not in text


def test_an_output_that_cannot_be_written_is_bad_usage(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*BETTER, "--output", str(tmp_path / "absent" / "x.txt")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_runs_as_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in BETTER[0]))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from airflow_provider_bedrock_rft.cli import main; sys.exit(main())",
            "compare",
            str(path),
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout.startswith("HOLD")
    assert done.stderr == ""
