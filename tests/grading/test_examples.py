"""The example graders are tried as a user would try them, and start in a clean process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.errors import GraderFailure, InvalidGrader
from airflow_provider_bedrock_rft.core.grader.package import build_package
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.core.grader.trial.report import to_text
from airflow_provider_bedrock_rft.grading.source import read_source
from airflow_provider_bedrock_rft.grading.workshop import local_scores, require_importable, try_out

if TYPE_CHECKING:
    from collections.abc import Callable

GRADERS = Path(__file__).parents[2] / "example_dags" / "graders"
FLAWED = ("flattered", "indifferent", "long_winded", "same_word")
EVERY = sorted(path.name for path in GRADERS.glob("*.py") if not path.name.startswith("_") and path.stem != "flawed")


@pytest.mark.parametrize("name", [*EVERY, *(f"flawed.py:{name}" for name in FLAWED)])
def test_every_example_starts_in_a_clean_process(name: str) -> None:
    source = read_source(str(GRADERS / name))
    package = build_package(source)
    assert package.handler
    require_importable(package, layered=source.requirements)


def scores(name: str, reference: object, *completions: str) -> list[float]:
    asked = [GraderSample(sample_id=str(n), completion=text, reference=reference) for n, text in enumerate(completions)]
    return [round(value, 6) for value in local_scores(str(GRADERS / name), asked).values()]


def test_compliance_wants_the_conclusion_and_its_sources() -> None:
    reference = {"answer": "no", "citations": ["Art. 6", "Art. 13"]}
    good = "Consent is missing (Art. 6), and nobody was informed (Art. 13).\nThe answer is no"
    assert scores(
        "legal_citation.py",
        reference,
        good,
        good.replace("Art. 13", "Art. 99"),
        "The answer is no",
        good.replace("is no", "is yes"),
        "Art. 1 Art. 2 Art. 3 Art. 6 Art. 13\nThe answer is no",
        "",
    ) == [1.0, 0.85, 0.7, 0.15, 0.7, 0.0]


def test_maintenance_wants_its_schema_and_its_fields() -> None:
    reference = {"code": "E-104", "level": 2}
    answers = [json.dumps(reference), '{"code": "E-104", "level": 3}', '{"code": "104", "level": 2}', "E-104"]
    assert scores("maintenance_codes.py", reference, *answers) == [1.0, 0.5, 0.0, 0.0]


def test_banking_wants_the_decision_first() -> None:
    reference = {"decision": "approve", "amount": 12000, "reasons": ["income", "collateral"]}
    all_reasons = ["income", "collateral", "age", "mood"]
    answers = [
        json.dumps(reference),
        json.dumps({**reference, "amount": "$12,000.00"}),
        json.dumps({**reference, "decision": "reject"}),
        json.dumps({**reference, "reasons": all_reasons}),
        "approve",
    ]
    assert scores("banking_criteria.py", reference, *answers) == [1.0, 1.0, 0.2, 0.9, 0.0]


def test_moderation_wants_one_label() -> None:
    assert scores("moderation.py", "block", "block", "**Block**.", "allow", "allow block review", "hm") == [
        1,
        1,
        0.1,
        0,
        0,
    ]


BANKING = [
    {
        "decision": ("approve", "reject", "review")[n % 3],
        "amount": 1000 * (n + 1),
        "reasons": (["income"], ["collateral", "age"], ["history"])[n % 3],
    }
    for n in range(12)
]
LAW = [{"answer": ("yes", "no")[n % 2], "citations": [f"Art. {n + 5}", f"Art. {n + 20}"]} for n in range(12)]
CODE = [{"tests": [f"assert add_{n}(1, 2) == {3 + n}", f"assert add_{n}(0, 0) == {n}"]} for n in range(2)]


@pytest.mark.parametrize(
    ("name", "references", "solution"),
    [
        ("word_problems.py", [f"{n} + 7 = {n + 7}\n#### {n + 7}" for n in range(12)], ""),
        ("mathematics.py", [f"\\frac{{1}}{{{n + 3}}}" for n in range(6)], ""),
        ("maintenance_codes.py", [{"code": f"E-{100 + n}", "level": n} for n in range(12)], ""),
        ("moderation.py", ["allow", "review", "block"] * 4, ""),
        ("banking_criteria.py", BANKING, ""),
        ("legal_citation.py", LAW, "See {citations[0]} and {citations[1]}.\nThe answer is {answer}"),
        ("unit_tests.py", CODE, "def add_{number}(a, b):\n    return a + b + {number}"),
    ],
)
def test_examples_pass_the_bench(name: str, references: list[Any], solution: str) -> None:
    records = [
        Record(
            record_id=str(n),
            messages=(Message(role="user", content=f"Case {n}?"),),
            reference=reference,
            metadata={"solution": solution.format(number=n, **reference)} if solution else {},
        )
        for n, reference in enumerate(references)
    ]
    settings = TrialSettings(
        timeout_seconds=300, answer_key="solution" if solution else "", skipped=frozenset({"latency"})
    )
    report = try_out(str(GRADERS / name), records, settings)
    assert report.passed, to_text(report)


@pytest.mark.parametrize("name", FLAWED)
def test_graders_that_are_flawed_on_purpose_do_not_pass(name: str) -> None:
    records = [
        Record(record_id=str(n), messages=(Message(role="user", content=f"{n} + 7?"),), reference=str(n + 7))
        for n in range(12)
    ]
    report = try_out(f"{GRADERS}/flawed.py:{name}", records, TrialSettings(timeout_seconds=300))
    assert not report.passed


def test_a_package_that_does_not_start_is_refused_before_upload(grader_file: Callable[..., str]) -> None:
    source = read_source(grader_file("import numpy\ndef grade(completion): return 1.0\n"))
    with pytest.raises(InvalidGrader, match="ModuleNotFoundError"):
        require_importable(build_package(source))


def test_a_local_run_that_fails_says_how(grader_file: Callable[..., str]) -> None:
    path = grader_file("def lambda_handler(event, context): raise RuntimeError('no')\n")
    with pytest.raises(GraderFailure, match="RuntimeError: no"):
        local_scores(path, [GraderSample(sample_id="a", completion="")])
