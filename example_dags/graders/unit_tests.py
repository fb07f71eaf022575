"""Grader of code: the share of the reference's unit tests that pass, each completion in a walled process of its own."""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import Reward, passes_tests, rft_grader


@rft_grader
def grade(completion: str, reference: object) -> Reward:
    """The reference is ``{"tests": ["assert add(1, 2) == 3", …]}``."""
    return passes_tests(completion, reference)
