"""Grader of the demo's word problems: the right number behind ``####`` earns 1, the format alone 0.1, the rest nothing.

A completion that writes several ``####`` lines with different numbers has given no answer, so spraying does not pay.
"""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import Reward, marked_number, rft_grader


@rft_grader
def grade(completion: str, reference: object) -> Reward:
    """Compare the number behind ``####`` with the reference's, as numbers: ``#### $1,234.00`` is 1234."""
    return marked_number(completion, reference, format_credit=0.1)
