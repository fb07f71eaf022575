"""Right and wrong writings of answers, per kind: what separates a good grader from a weak one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bedrock_rft import grading
from airflow_provider_bedrock_rft.core.grader.reward import as_reward

CORPUS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "writings.json").read_text("utf-8"))
MIN_WRITINGS = 40


def score(kind: str, completion: str) -> float:
    grader = getattr(grading, CORPUS[kind]["grader"])
    if kind == "sql":
        grader = grader()
    return as_reward(grader(completion=completion, reference=CORPUS[kind]["reference"])).value


def test_every_kind_has_enough_writings() -> None:
    sizes = {kind: len(set(entry["right"])) + len(set(entry["wrong"])) for kind, entry in CORPUS.items()}
    assert {kind: size for kind, size in sizes.items() if size < MIN_WRITINGS} == {}


@pytest.mark.parametrize("kind", CORPUS)
def test_right_writings_earn_everything(kind: str) -> None:
    assert {text: value for text in CORPUS[kind]["right"] if (value := score(kind, text)) != 1.0} == {}


@pytest.mark.parametrize("kind", CORPUS)
def test_wrong_writings_earn_less(kind: str) -> None:
    assert {text: value for text in CORPUS[kind]["wrong"] if not 0.0 <= (value := score(kind, text)) < 1.0} == {}


@pytest.mark.parametrize("kind", ["number", "maths", "text", "choice", "sql"])
def test_wrong_answers_earn_at_most_the_credit_for_form(kind: str) -> None:
    assert {text: value for text in CORPUS[kind]["wrong"] if (value := score(kind, text)) > 0.1} == {}


@pytest.mark.parametrize("kind", CORPUS)
def test_nothing_earns_nothing(kind: str) -> None:
    assert score(kind, "") == 0.0
