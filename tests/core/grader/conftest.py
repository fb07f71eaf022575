from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.grading.workshop import try_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.grader.trial.report import TrialReport

CITIES = [
    "Nairobi",
    "Lisbon",
    "Oslo",
    "Quito",
    "Hanoi",
    "Dakar",
    "Riga",
    "Lima",
    "Accra",
    "Tunis",
    "Bern",
    "Kyiv",
    "Seoul",
    "Paris",
    "Cairo",
    "Sofia",
]
N_RECORDS = 16


def record(number: int, prompt: str, reference: object, **metadata: object) -> Record:
    return Record(
        record_id=str(number), messages=(Message(role="user", content=prompt),), reference=reference, metadata=metadata
    )


def _tools(number: int) -> dict[str, object]:
    return {"tool_called": f"tool_{number % 3}", "tool_parameters": {"value": number, "to": "mi"}}


DATASETS: dict[str, list[Record]] = {
    "marked": [
        record(n, f'What is {n} + 1200? Write the answer after "####".', f"{n} + 1200 = {n + 1200}\n#### {n + 1200}")
        for n in range(N_RECORDS)
    ],
    "number": [record(n, f"What is {n} + 1200?", str(n + 1200)) for n in range(N_RECORDS)],
    "maths": [record(n, f"Divide 1 by {n + 3}.", f"\\frac{{1}}{{{n + 3}}}") for n in range(N_RECORDS)],
    "text": [record(n, f"What is the capital of country {n}?", city) for n, city in enumerate(CITIES)],
    "choice": [record(n, f"Question {n}: A) one B) two C) three D) four", "ABCD"[n % 4]) for n in range(N_RECORDS)],
    "json": [record(n, f"Extract fault {n}.", {"code": f"E-{100 + n}", "level": n}) for n in range(N_RECORDS)],
    "tool": [record(n, f"Convert {n}.", _tools(n)) for n in range(N_RECORDS)],
    "sql": [
        record(n, f"Orders above {n}?", f"SELECT id, total FROM orders WHERE total > {n} AND paid = 1")  # noqa: S608
        for n in range(N_RECORDS)
    ],
    "code": [
        record(
            n,
            f"Write add_{n}(a, b).",
            {"tests": [f"assert add_{n}(1, 2) == {3 + n}", f"assert add_{n}(0, 0) == {n}"]},
            solution=f"def add_{n}(a, b):\n    return a + b + {n}",
        )
        for n in range(3)
    ],
}


@pytest.fixture
def datasets() -> dict[str, list[Record]]:
    return DATASETS


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., TrialReport]:
    """Tries the grader in ``code`` on a dataset, as a file of its own."""

    def run(code: str, records: Sequence[Record], settings: TrialSettings | None = None, **more: object) -> TrialReport:
        path = tmp_path / "tried.py"
        path.write_text(code, encoding="utf-8")
        return try_out(str(path), records, settings or TrialSettings(timeout_seconds=20), **more)  # type: ignore[arg-type]

    return run
