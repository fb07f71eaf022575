from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def example_files() -> list[Path]:
    return sorted((ROOT / "example_dags").glob("*.py"))


@pytest.fixture(scope="session")
def parsed() -> dict[str, Any]:
    """What Airflow finds in ``example_dags/``; one process for all of them, since importing Airflow takes seconds."""
    script = Path(__file__).with_name("parse_examples.py")
    command = [sys.executable, str(script), str(ROOT / "example_dags")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
