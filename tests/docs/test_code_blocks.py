"""The Python that README and docs show runs: whole programs as they stand, pieces of a DAG inside one."""

from __future__ import annotations

import builtins
import json
import re
import textwrap
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.pipelines.retraining import RetrainingParts

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(p for p in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in p.parts)]
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
AND_SO_ON = re.compile(r"(?<=[(,])(\s*)(?:\.\.\.|…)(?=\s*[,)])")
ELSEWHERE = {
    "tutorial: import json\n\nimport boto3": "tests/e2e reads the champion so",
    "promote: import boto3, json": "tests/e2e reads the champion so",
    "promote: from airflow_provider_bedrock_rft.core.promotion.rollout": "tests/core/steps promotes so",
}
"""Beginning of a block that speaks to a service → what runs it instead."""


class Names(dict[str, Any]):
    """What a piece of a DAG takes for granted: our public names, and tasks before and after it."""

    def __missing__(self, name: str) -> object:
        if hasattr(builtins, name):
            raise KeyError(name)
        if name in rft.HOMES:
            return getattr(rft, name)
        self[name] = EmptyOperator(task_id=name)
        return self[name]


def blocks() -> list[Any]:
    found = []
    for page in PAGES:
        for number, (_, code) in enumerate(BLOCK.findall(page.read_text()), 1):
            text = textwrap.dedent(code)
            start = f"{page.stem}: {text}"
            if not any(start.startswith(known) for known in ELSEWHERE):
                found.append(pytest.param(text, id=f"{page.stem}-{number}"))
    return found


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what readers have in theirs."""
    line = json.dumps({"messages": [{"role": "user", "content": "What is %d + 1?"}], "reference_answer": "%d"})
    for offset, name in enumerate(("train", "test")):
        lines = (line % (n, n + 1) for n in range(offset * 1000, offset * 1000 + 120))
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{one}\n" for one in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names() -> Names:
    verdicts = [float(n % 2) for n in range(40)]
    given = {
        "__name__": "page",
        "ApprovalOperator": ApprovalOperator,
        "DAG": DAG,
        "RetrainingParts": RetrainingParts,
        "ARTIFACTS": "s3://bucket/rft",
        "MODEL": "openai.gpt-oss-20b",
        "GRADER": "grader.py:grade",
        "rest": {"model": "openai.gpt-oss-20b", "dataset": {}, "grader": {}},
        "compared": {"grader": {}, "dataset": "s3://b/test.jsonl", "artifacts_uri": "s3://b/p"},
        "judged": verdicts,
        "labelled": list(verdicts),
    }
    return Names(given)


@pytest.mark.parametrize("code", blocks())
def test_it_runs(code: str, workplace: Path) -> None:
    assert workplace.exists()
    program = compile(AND_SO_ON.sub(r"\1**rest", code), "block", "exec")
    with DAG("page", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        known = names()
        exec(program, known, known)  # noqa: S102 -- our own documents


def test_a_wrong_argument_would_be_seen(workplace: Path) -> None:
    with pytest.raises(TypeError):
        test_it_runs("""BedrockRftPromoteModelOperator(task_id="promote", gates=gate.output)""", workplace)


def test_nothing_is_excused_that_is_not_there() -> None:
    texts = [f"{page.stem}: {textwrap.dedent(code)}" for page in PAGES for _, code in BLOCK.findall(page.read_text())]
    assert [known for known in ELSEWHERE if not any(text.startswith(known) for text in texts)] == []
    assert len(texts) > 15
