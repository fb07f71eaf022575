"""Grader of mathematics: equal as mathematics, however it is written."""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import Reward, maths_equivalent, rft_grader


@rft_grader
def grade(completion: str, reference: object) -> Reward:
    r"""The reference is an answer: ``72``, ``\\frac{1}{2}``, ``x^2 + 1``."""
    return maths_equivalent(completion, reference)
