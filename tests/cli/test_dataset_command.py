from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bedrock_rft.cli import main

CLEAN = Path(__file__).parents[1] / "core" / "dataset" / "data" / "clean" / "word_problems.jsonl"


def run(*arguments: object) -> int:
    try:
        return main(["dataset", *map(str, arguments)])
    except SystemExit as end:
        return int(end.code or 0)


def test_clean_data_end_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", CLEAN) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "0 errors, 0 warnings, 0 notes"
    assert err == ""


def test_json_is_one_object_of_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(CLEAN.read_bytes() + b"{oops}\n")
    assert run("check", bad, "--evaluation", CLEAN, "--format", "json", "--no-near", "--no-privacy") == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"schema", "files", "findings", "counts"}
    assert found["schema"] == "dataset-check/1"
    assert [(file["path"], file["records"]) for file in found["files"]] == [(str(bad), 140), (str(CLEAN), 140)]
    (malformed,) = [each for each in found["findings"] if each["code"] == "malformed-json"]
    assert (malformed["file"], malformed["line"], malformed["other_file"]) == (str(bad), 141, None)
    leaks = [each for each in found["findings"] if each["code"] == "leakage"]
    assert len(leaks) == 140
    assert (leaks[0]["file"], leaks[0]["line"], leaks[0]["other_file"], leaks[0]["other_line"]) == (
        str(CLEAN),
        1,
        str(bad),
        1,
    )
    assert found["counts"]["error"] == 141


def test_html_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", CLEAN, "--format", "html") == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", CLEAN, "--target", "moon"],
        ["chekc"],
        [],
        ["split", CLEAN, "--out", "x", "--fractions", "half"],
        ["check", CLEAN, "--previous", "/no/such/manifest"],
        ["check", CLEAN, "--grader", "/no/such/grader.py:f"],
        ["check", "s3://bucket/a.jsonl"],
    ],
)
def test_bad_usage_ends_with_status_2(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n\0\0\0\0\0\0", b"{}\n"])
def test_bad_files_end_with_status_1(content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert run("check", path) == 1
    assert run("stats", path) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_fix_writes_a_copy_and_lists_every_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = CLEAN.read_bytes().splitlines()
    turned = json.dumps(dict(reversed(json.loads(lines[4]).items()))).encode()
    bad = tmp_path / "bad.jsonl"
    original = b"\xef\xbb\xbf" + b"\r\n".join([lines[0], b"", *lines[1:4], turned, *lines[5:], lines[2]]) + b"\r\n"
    bad.write_bytes(original)
    mended = tmp_path / "mended.jsonl"
    assert run("check", bad, "--fix", mended) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "0 errors, 0 warnings, 0 notes"
    assert bad.read_bytes() == original
    assert [json.loads(line) for line in mended.read_bytes().splitlines()] == [json.loads(line) for line in lines]
    assert {line.split("fixed ")[1].split(":")[0] for line in err.splitlines()[:-1]} == {
        "bom",
        "crlf",
        "blank-line",
        "duplicate-record",
        "key-order",
    }
    assert f"{bad}:2: fixed blank-line" in err
    assert f"{bad}:6: fixed key-order" in err


def test_fix_never_overwrites_its_input(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(CLEAN.read_bytes())
    assert run("check", bad, "--fix", bad) == 2
    assert bad.read_bytes() == CLEAN.read_bytes()


def test_a_grader_is_run_on_every_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grader = tmp_path / "grader.py"
    grader.write_text(
        "def grade(completion, reference):\n"
        "    if reference == '4711':\n"
        "        return 0.5\n"
        "    return float(completion.partition('####')[2].strip() == reference)\n"
    )
    data = tmp_path / "train.jsonl"
    records = [json.loads(line) for line in CLEAN.read_text().splitlines()]
    records[11]["reference_answer"] = "4711"
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert run("check", CLEAN, "--grader", f"{grader}:grade") == 0
    assert run("check", data, "--grader", f"{grader}:grade", "--format", "json") == 1
    findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    assert ("ungradable-reference", 12) in [(each["code"], each["line"]) for each in findings]


def test_split_parts_share_nothing_and_the_seed_decides(tmp_path: Path) -> None:
    def contents(folder: str, seed: int) -> dict[str, bytes]:
        assert run("split", CLEAN, "--out", tmp_path / folder, "--seed", seed, "--stratify-by", "kind") == 0
        return {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}

    one, again, other = contents("one", 1), contents("again", 1), contents("other", 2)
    assert set(one) == {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert one == again
    assert one != other
    assert sum(part.count(b"\n") for part in one.values()) == 140


@pytest.mark.parametrize("form", ["object", "lines"])
def test_split_by_readiness_drops_what_teaches_nothing_and_orders_the_rest(tmp_path: Path, form: str) -> None:
    rewards = {f"wp-{n:03}": [0.0, 0.25, 0.75, 1.0][n % 4] for n in range(1, 141)}
    lines = "".join(json.dumps({"sample_id": key, "mean": mean, "level": "x"}) + "\n" for key, mean in rewards.items())
    (tmp_path / "readiness.json").write_text(lines if form == "lines" else json.dumps(rewards, indent=1))
    arguments = [
        "--fractions",
        "train=0.5,test=0.5",
        "--readiness",
        tmp_path / "readiness.json",
        "--order",
        "curriculum",
    ]
    assert run("split", CLEAN, "--out", tmp_path / "parts", *arguments) == 0
    seen = [rewards[json.loads(line)["id"]] for line in (tmp_path / "parts" / "train.jsonl").read_text().splitlines()]
    assert set(seen) == {0.25, 0.75}
    assert seen == sorted(seen, reverse=True)


def test_stats_say_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", CLEAN, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_records"] == 140
    assert found["hints"]["steps_per_epoch"] == 31
    assert found["hints"]["checkpoints_per_epoch"] == 2
    assert sum(found["prompt_tokens"]["bins"]) == 140
    assert found["metadata"] == {"kind": 140, "level": 140}
    assert run("stats", CLEAN, "--format", "html") == 0
    page = capsys.readouterr().out
    assert page.count("<svg") == 3
    assert "http" not in page


def test_a_manifest_carries_the_language_to_the_next_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "manifest.json"
    assert run("check", CLEAN, "--manifest", manifest) == 0
    found = json.loads(manifest.read_text())
    assert (found["kind"], found["n_records"]) == ("rft.dataset_manifest", 140)
    assert found["sources"][0]["name"] == str(CLEAN)
    assert run("check", CLEAN.with_name("chinese.jsonl"), "--previous", manifest) == 0
    assert "language-drift" in capsys.readouterr().out


def entry(number: int, **changes: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": [{"text": f"How many is {number} and {number}?"}]}]}
    reply = {"output": {"message": {"role": "assistant", "content": [{"text": f"It is {2 * number}."}]}}}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": f"2026-11-{1 + number % 20:02}T10:00:00Z",
        "requestId": f"request-{number}",
        "operation": "Converse",
        "modelId": "openai.gpt-oss-20b",
        "input": {"inputBodyJson": body},
        "output": {"outputBodyJson": reply},
        "requestMetadata": {"app": "tutor", "env": "dev" if number % 2 else "prod"},
        **changes,
    }


def test_invocation_logs_become_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    anthropic = {
        "inputBodyJson": {
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "{"}],
        }
    }
    entries = [entry(n) for n in range(40)] + [
        entry(0),
        entry(50, modelId="other"),
        entry(52, input=anthropic),
        entry(54, input={}),
    ]
    log = tmp_path / "log.json"
    log.write_text("".join(json.dumps(each) + "\n" for each in entries) + "not json\n")
    out = tmp_path / "train.jsonl"
    filters = ["--metadata", "app=tutor", "--not-metadata", "env=dev", "--model", "gpt-oss", "--keep-completion"]
    assert run("from-invocation-logs", log, "--out", out, *filters) == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(records) == 21
    assert records[1]["messages"] == [{"role": "user", "content": "How many is 2 and 2?"}]
    assert records[1]["reference_answer"] == "It is 4."
    assert records[-1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    err = capsys.readouterr().err
    for line in ("filtered: 21", "repeated: 1", "taken: 21", "unreadable: 1", "without prompt: 1"):
        assert line in err
    assert (
        run("from-invocation-logs", log, "--out", out, "--since", "2026-11-05", "--until", "2026-11-06T00:00:00Z") == 0
    )
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["request-4", "request-24"]
    assert "reference_answer" not in out.read_text()
    assert run("from-invocation-logs", log, "--out", out, "--metadata", "app") == 2


def bad_inputs(folder: Path) -> dict[str, tuple[Path, str]]:
    files: dict[str, tuple[bytes, str]] = {
        "empty.jsonl": (b"", "empty-file"),
        "binary.jsonl": (bytes(range(256)) * 40, "binary-file"),
        "wide.jsonl": ("\ufeff{}\n".encode("utf-16-le") * 40, "utf16-file"),
        "cut.jsonl.gz": (gzip.compress(CLEAN.read_bytes())[:-40], "unreadable-file"),
        "bomb.jsonl.gz": (gzip.compress(b" " * (100 << 20)), "compression-bomb"),
        "table.csv": (b"question,answer\na,b\n", "missing-column"),
        "long.jsonl": (b"x" * (9 << 20), "line-too-long"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    found = {name: (folder / name, code) for name, (_, code) in files.items()}
    return found | {"a directory": (folder, "unreadable-file"), "nothing": (folder / "gone", "unreadable-file")}


@pytest.mark.parametrize("name", [
    "empty.jsonl", "binary.jsonl", "wide.jsonl", "cut.jsonl.gz", "bomb.jsonl.gz", "table.csv", "long.jsonl",
    "a directory", "nothing",
])  # fmt: skip
def test_bad_input_is_a_finding_and_never_a_traceback(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, code = bad_inputs(tmp_path)[name]
    assert run("check", path, "--format", "json") == 1
    out, err = capsys.readouterr()
    assert code in [finding["code"] for finding in json.loads(out)["findings"]]
    assert "Traceback" not in err
    assert run("stats", path) == 1
    assert run("split", path, "--out", tmp_path / "parts") == 1
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.glob("parts/*"))
