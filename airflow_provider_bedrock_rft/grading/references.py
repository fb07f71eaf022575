"""A grader's source as the scorer of a dataset's references."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.package import build_package
from airflow_provider_bedrock_rft.core.steps.reference_scores import score_with
from airflow_provider_bedrock_rft.grading.isolation import Limits, isolated
from airflow_provider_bedrock_rft.grading.source import read_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.dataset.gradability import ScoreCompletions


@contextmanager
def scorer_of(spec: str) -> Iterator[ScoreCompletions]:
    """The grader ``path.py:function`` in a process of its own, as it would run in its Lambda.

    Raises:
        InvalidGrader: There is no such grader, or it cannot be packed.
    """
    source = read_source(spec)
    with isolated(build_package(source), Limits(), visible=source.requirements) as grader:
        yield score_with(grader)
