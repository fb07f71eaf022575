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
    from airflow_provider_bedrock_rft.core.grader.library.numbers import (
        marked_answer,
        marked_number,
        parse_number,
        same_number,
    )
    from airflow_provider_bedrock_rft.core.grader.reward import InvalidReward, Reward
    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
    from airflow_provider_bedrock_rft.grading.handler import Grader, GraderOptions, rft_grader

_ROOT = "airflow_provider_bedrock_rft"

HOMES = {
    "Grader": "grading.handler",
    "GraderOptions": "grading.handler",
    "GraderSample": "core.grader.sample",
    "InvalidReward": "core.grader.reward",
    "Reward": "core.grader.reward",
    "marked_answer": "core.grader.library.numbers",
    "marked_number": "core.grader.library.numbers",
    "parse_number": "core.grader.library.numbers",
    "rft_grader": "grading.handler",
    "same_number": "core.grader.library.numbers",
}
"""Public name → module, below this distribution."""

__all__ = [
    "Grader",
    "GraderOptions",
    "GraderSample",
    "InvalidReward",
    "Reward",
    "marked_answer",
    "marked_number",
    "parse_number",
    "rft_grader",
    "same_number",
]


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{_ROOT}.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
