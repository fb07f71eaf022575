from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.cli import main
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage
from airflow_provider_bedrock_rft.core.steps.lineage import write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.evaluation.conftest import Place


def test_an_evaluation_feeds_a_comparison(
    place: Place, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    command = ["evaluate", place.model, "--dataset", str(dataset), *place.options("feeds"), "--format", "json"]
    assert main([*command, "--slice-key", "kind", "--out", str(out)]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["kind"], first["n_samples"], first["n_requests"]) == ("rft.evaluation", 40, 40)
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["n_requests"] == 0
    assert main(["compare", str(out), str(out), "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["reason_codes"] == ["all-ties"]
    assert {one["slice"] for one in found["slices"]} == {"kind=even", "kind=odd"}


LOCAL = """
def grade(sample):
    return 1.0 if str(sample.reference) in sample.completion else 0.0
"""


def test_a_graders_source_scores_as_its_lambda_does(
    place: Place, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "local.py"
    source.write_text(LOCAL)
    subject = ["evaluate", place.model, "--dataset", str(dataset), "--format", "json"]
    options = place.options("local")
    lines = []
    for grader in (place.grader, f"{source}:grade"):
        out = tmp_path / "scored.jsonl"
        options[1] = grader
        assert main([*subject, *options, "--out", str(out)]) == 0
        found = json.loads(capsys.readouterr().out)
        lines.append([(one["sample_id"], one["score"]) for one in map(json.loads, out.read_text().splitlines())])
    assert lines[0] == lines[1]
    assert found["n_requests"] == 0, "completions are asked for once, whoever grades them"
    assert found["grader_arn"].startswith("arn:aws:lambda:us-west-2:000000000000:function:local-")


def test_a_graders_source_that_cannot_run_or_is_absent_is_named(
    place: Place, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "broken.py"
    source.write_text("raise RuntimeError('on purpose')\n\n\ndef grade(sample):\n    return 1.0\n")
    for grader, sentence in ((str(source), "on purpose"), (str(tmp_path / "absent.py"), "absent.py")):
        options = place.options("local-broken")
        options[1] = grader
        assert main(["evaluate", place.model, "--dataset", str(dataset), *options]) == 1
        assert sentence in capsys.readouterr().err


def test_readiness_is_told_before_paying(place: Place, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["readiness", place.model, "--dataset", str(dataset), *place.options("ready"), "--completions", "4"]
    status = main([*command, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert status == (0 if found["verdict"] == "go" else 3)
    assert found["n_completions"] == 160
    rated = [json.loads(line) for line in place.session.objects.get(found["difficulty_uri"]).splitlines()]
    assert len(rated) == 40
    assert main(command) == status
    assert "pass@4" in capsys.readouterr().out


def test_a_killed_evaluation_goes_on(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = tmp_path / "many.jsonl"
    with many.open("w") as stream:
        for i in range(400):
            messages = [{"role": "user", "content": f"How many pens are {i} pens and {i} more pens?"}]
            stream.write(json.dumps({"id": f"q{i}", "messages": messages, "reference_answer": str(2 * i)}) + "\n")
    command = ["evaluate", place.model, "--dataset", str(many), *place.options("killed"), "--concurrency", "2"]
    program = "import sys; from airflow_provider_bedrock_rft.cli import main; sys.exit(main())"
    with subprocess.Popen([sys.executable, "-c", program, *command], stdout=subprocess.DEVNULL) as worker:
        until = time.monotonic() + 60
        while len(list(place.session.objects.list(f"s3://{place.bucket}/killed/answers/"))) < 5:
            assert worker.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        worker.send_signal(signal.SIGKILL)
    assert main([*command, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_samples"] == 400
    assert found["n_requests"] < 400


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "no-such-model"}, "no-such-model"),
        ({"grader": "arn:aws:lambda:us-west-2:123456789012:function:absent:1"}, "absent"),
        ({"dataset": "absent.jsonl"}, "absent.jsonl cannot be read"),
    ],
)
def test_what_is_missing_is_named(
    place: Place, dataset: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], sentence: str
) -> None:
    options = place.options("missing")
    options[1] = change.get("grader", place.grader)
    subject = [change.get("model", place.model), "--dataset", change.get("dataset", str(dataset))]
    assert main(["evaluate", *subject, *options]) == 1
    assert sentence in capsys.readouterr().err


def test_a_models_story_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    root = f"s3://{place.bucket}/story"
    for number in (1, 2):
        manifest = Manifest(
            pipeline="maths",
            run_id=f"scheduled__2026-0{number}-01T00:00:00+00:00",
            stage=Stage.JOB,
            inputs={"dataset": f"dataset:d{number}"},
            outputs={"tuned": f"model:m{number}"},
        )
        write_manifest(place.session.objects, manifest, artifacts_uri=root)
    where = ["--artifacts", root, "--endpoint-url", place.url]
    assert main(["lineage", "m1", *where]) == 0
    text = capsys.readouterr().out
    assert "dataset:d1" in text
    assert "dataset:d2" not in text
    assert main(["lineage", "dataset:d2", *where, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["outputs"] == {"tuned": "model:m2"}
    runs = [f"scheduled__2026-0{number}-01T00:00:00+00:00" for number in (1, 2)]
    assert main(["diff", *runs, *where]) == 0
    assert "dataset:d1 -> dataset:d2" in capsys.readouterr().out
    assert main(["lineage", "m9", *where]) == 1
    assert "No manifest mentions model:m9" in capsys.readouterr().err
