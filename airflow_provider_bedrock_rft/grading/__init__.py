"""The door for authors of graders: everything a grader's file may import, here and in its Lambda.

A grader is a plain function over one sample. What it uses from here is copied into its package, unchanged, so that the
same import works in the Lambda, where neither Airflow nor the rest of this distribution exists::

    from airflow_provider_bedrock_rft.grading import Reward, rft_grader

    @rft_grader
    def grade(completion: str, reference: str) -> float:
        return 1.0 if completion.strip() == reference else 0.0

Names resolve on first use: a grader pays only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.grader.combine import clip, gate, minimum, weighted_sum
    from airflow_provider_bedrock_rft.core.grader.judge import Judge, JudgeReply, Rubric
    from airflow_provider_bedrock_rft.core.grader.library.answers import final_answer, normalise
    from airflow_provider_bedrock_rft.core.grader.library.maths import maths_equivalent
    from airflow_provider_bedrock_rft.core.grader.library.numbers import (
        marked_answer,
        marked_number,
        parse_number,
        reference_number,
        same_number,
    )
    from airflow_provider_bedrock_rft.core.grader.library.schema import json_schema
    from airflow_provider_bedrock_rft.core.grader.library.similarity import text_similarity
    from airflow_provider_bedrock_rft.core.grader.library.sql import sql_equivalent
    from airflow_provider_bedrock_rft.core.grader.library.structured import (
        json_fields,
        json_valid,
        only_json,
        tool_call_match,
    )
    from airflow_provider_bedrock_rft.core.grader.library.text import (
        citation_required,
        exact_match,
        length_within,
        mentions_terms,
        multiple_choice,
        normalised_match,
        regex_match,
    )
    from airflow_provider_bedrock_rft.core.grader.reward import InvalidReward, Reward
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
    from airflow_provider_bedrock_rft.grading.bedrock_judge import bedrock_judge, judge_policy
    from airflow_provider_bedrock_rft.grading.execution import Walls, passes_tests
    from airflow_provider_bedrock_rft.grading.handler import Grader, GraderOptions, rft_grader

_ROOT = "airflow_provider_bedrock_rft"

HOMES = {
    "Grader": "grading.handler",
    "GraderOptions": "grading.handler",
    "GraderSample": "core.grader.sample",
    "InvalidReward": "core.grader.reward",
    "Judge": "core.grader.judge",
    "JudgeReply": "core.grader.judge",
    "Reward": "core.grader.reward",
    "Rubric": "core.grader.judge",
    "Walls": "grading.execution",
    "bedrock_judge": "grading.bedrock_judge",
    "citation_required": "core.grader.library.text",
    "clip": "core.grader.combine",
    "exact_match": "core.grader.library.text",
    "final_answer": "core.grader.library.answers",
    "gate": "core.grader.combine",
    "json_fields": "core.grader.library.structured",
    "json_schema": "core.grader.library.schema",
    "json_valid": "core.grader.library.structured",
    "judge_policy": "grading.bedrock_judge",
    "length_within": "core.grader.library.text",
    "marked_answer": "core.grader.library.numbers",
    "marked_number": "core.grader.library.numbers",
    "maths_equivalent": "core.grader.library.maths",
    "mentions_terms": "core.grader.library.text",
    "minimum": "core.grader.combine",
    "multiple_choice": "core.grader.library.text",
    "normalise": "core.grader.library.answers",
    "normalised_match": "core.grader.library.text",
    "only_json": "core.grader.library.structured",
    "parse_number": "core.grader.library.numbers",
    "passes_tests": "grading.execution",
    "reference_number": "core.grader.library.numbers",
    "regex_match": "core.grader.library.text",
    "rft_grader": "grading.handler",
    "same_number": "core.grader.library.numbers",
    "sql_equivalent": "core.grader.library.sql",
    "text_similarity": "core.grader.library.similarity",
    "tool_call_match": "core.grader.library.structured",
    "weighted_sum": "core.grader.combine",
}
"""Public name → module, below this distribution."""

__all__ = [
    "Grader",
    "GraderOptions",
    "GraderSample",
    "InvalidReward",
    "Judge",
    "JudgeReply",
    "Reward",
    "Rubric",
    "Walls",
    "bedrock_judge",
    "citation_required",
    "clip",
    "exact_match",
    "final_answer",
    "gate",
    "json_fields",
    "json_schema",
    "json_valid",
    "judge_policy",
    "length_within",
    "marked_answer",
    "marked_number",
    "maths_equivalent",
    "mentions_terms",
    "minimum",
    "multiple_choice",
    "normalise",
    "normalised_match",
    "only_json",
    "parse_number",
    "passes_tests",
    "reference_number",
    "regex_match",
    "rft_grader",
    "same_number",
    "sql_equivalent",
    "text_similarity",
    "tool_call_match",
    "weighted_sum",
]


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{_ROOT}.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
