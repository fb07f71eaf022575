from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def grader_file(tmp_path: Path) -> Callable[..., str]:
    """Writes a grader (and files beside it) into a folder of its own; returns the grader's path."""

    def write(code: str, beside: dict[str, str] | None = None) -> str:
        for other, text in {"graded": code, **(beside or {})}.items():
            path = tmp_path / f"{other}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return str(tmp_path / "graded.py")

    return write
