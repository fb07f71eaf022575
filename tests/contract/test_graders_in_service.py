"""Graders put into service before the emulator's Lambda: the examples, and the command line."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.cli import main
from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.core.steps.grader import GraderSettings
from airflow_provider_bedrock_rft.grading.service import Order, Place, put_into_service

if TYPE_CHECKING:
    from .conftest import Emulator

GRADERS = Path(__file__).parents[2] / "example_dags" / "graders"
GOOD = "from airflow_provider_bedrock_rft.grading import marked_number\n\ndef grade(completion, reference): return marked_number(completion, reference)\n"
WEAK = "def grade(completion, reference): return float(reference in completion)\n"


def records(references: list[Any], solution: str = "") -> list[Record]:
    return [
        Record(
            record_id=str(n),
            messages=(Message(role="user", content=f"Case {n}?"),),
            reference=reference,
            metadata={"solution": solution.format(number=n, **reference)} if solution else {},
        )
        for n, reference in enumerate(references)
    ]


EXAMPLES = {
    "word_problems": records([f"#### {n + 7}" for n in range(8)]),
    "moderation": records(["allow", "review", "block"] * 3),
    "banking_criteria": records(
        [
            {"decision": ("approve", "reject")[n % 2], "amount": 1000 * n + 500, "reasons": [("income", "age")[n % 2]]}
            for n in range(8)
        ]
    ),
    "legal_citation": records(
        [{"answer": ("yes", "no")[n % 2], "citations": [f"Art. {n + 5}"]} for n in range(8)],
        "See {citations[0]}.\nThe answer is {answer}",
    ),
    "unit_tests": records(
        [{"tests": [f"assert add_{n}(1, 2) == {3 + n}"]} for n in range(1)],
        "def add_{number}(a, b):\n    return a + b + {number}",
    ),
}
"""Examples that need no package beside ours: others are fetched from an index, which tests have not."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_in_lambda_agrees_with_the_local_run_to_the_last_digit(emulator: Emulator, name: str) -> None:
    session = emulator.session()
    place = Place(functions=session.functions, roles=session.roles, objects=session.objects, clock=SystemClock())
    has_solution = bool(EXAMPLES[name][0].metadata)
    order = Order(
        settings=GraderSettings(function_name=f"example-{uuid.uuid4().hex[:8]}"),
        source=f"{GRADERS / name}.py:grade",
        records=EXAMPLES[name],
        trial=TrialSettings(answer_key="solution" if has_solution else "", skipped=frozenset({"latency"})),
    )
    done = put_into_service(order, place)
    assert done.report
    assert done.report.passed
    assert (done.deployed.version, done.deployed.reused) == ("1", False)
    assert put_into_service(order, place).deployed.reused


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALOCALEMULATOR001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local-emulator-secret")
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "weak.py").write_text(WEAK)
    lines = [
        {"messages": [{"role": "user", "content": f"{n} + 7?"}], "reference_answer": f"#### {n + 7}"} for n in range(12)
    ]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def deploy(emulator: Emulator, files: Path, grader: str, name: str, *more: str) -> int:
    place = ["--endpoint-url", emulator.url, "--dataset", f"{files}/data.jsonl"]
    return main(["grader", "deploy", f"{files}/{grader}", "--function-name", name, *place, *more])


def test_the_command_deploys_tries_and_invokes(
    emulator: Emulator, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"command-{uuid.uuid4().hex[:8]}"
    assert deploy(emulator, files, "good.py", name, "--tier", "sagemaker") == 0
    said = capsys.readouterr()
    arn = said.out.strip()
    assert arn.endswith(f":function:{name}:1")
    assert "probe-spray" in said.err
    assert "is in service now as version 1" in said.err
    assert deploy(emulator, files, "good.py", name) == 0
    assert capsys.readouterr().out.strip() == arn
    invoke = ["grader", "invoke", arn, "--dataset", f"{files}/data.jsonl", "--endpoint-url", emulator.url]
    assert main([*invoke, "--limit", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == ["0:right\t1.0", "1:right\t1.0", "2:right\t1.0"]


def test_the_command_refuses_what_fails_the_bench(
    emulator: Emulator, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"command-{uuid.uuid4().hex[:8]}"
    assert deploy(emulator, files, "weak.py", name) == 1
    assert "[probe-spray]" in capsys.readouterr().err
    assert emulator.session().functions.get(name) is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--image-uri", "x"], "give one of both"),
        (["--memory", "1"], "Lambda takes 128"),
        (["--tier", "hyperpod"], "SageMaker"),
        (["--packages-uri", "bucket"], "bucket"),
    ],
)
def test_orders_that_cannot_be_carried_out_are_one_sentence(
    emulator: Emulator, files: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    name = f"command-{uuid.uuid4().hex[:8]}"
    assert deploy(emulator, files, "good.py", name, *more) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert emulator.session().functions.get(name) is None
