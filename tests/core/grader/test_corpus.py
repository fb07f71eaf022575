"""Right and wrong writings of answers, per kind: what separates a good grader from a weak one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft import grading
from airflow_provider_bedrock_rft.core.grader.binding import bind
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "writings.json").read_text("utf-8"))
MIN_WRITINGS = 40
MAKERS: dict[str, Callable[[], Callable[..., object]]] = {
    "sql": grading.sql_equivalent,
    "citation": lambda: grading.citation_required(
        r"(?i)Art\. (\d+)\b", known=CORPUS["citation"]["reference"], max_citations=4
    ),
    "code": lambda: (
        lambda completion, reference: grading.passes_tests(completion, reference, walls=grading.Walls(seconds=1.5))
    ),
}
"""Kind → what makes its grader, where the library has a maker of graders."""


def score(kind: str, completion: str) -> float:
    made = MAKERS[kind]() if kind in MAKERS else getattr(grading, CORPUS[kind]["grader"])
    sample = GraderSample(sample_id="s", completion=completion, reference=CORPUS[kind]["reference"])
    return bind(made)(sample).value


def test_every_kind_has_enough_writings() -> None:
    """Forty right and forty wrong ones; of code, which costs a process each, forty of both together."""
    sizes = {kind: (len(set(entry["right"])), len(set(entry["wrong"]))) for kind, entry in CORPUS.items()}
    code = sizes.pop("code")
    assert sum(code) >= MIN_WRITINGS
    assert {kind: size for kind, size in sizes.items() if min(size) < MIN_WRITINGS} == {}


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
