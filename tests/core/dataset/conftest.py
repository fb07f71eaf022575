from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def clean_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted((DATA / "clean").glob("*.jsonl"))}


@pytest.fixture(scope="session")
def word_problems(clean_files: dict[str, Path]) -> list[dict[str, Any]]:
    """The base that faults are put into: 120 clean records."""
    return [json.loads(line) for line in clean_files["word_problems"].read_text().splitlines()[:120]]
