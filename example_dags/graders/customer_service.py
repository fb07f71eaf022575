"""Grader of customer service by a model as judge; its role needs ``judge_policy(<ARN of the model>)``.

Calibrate the judge against people first (``core.grader.calibration``): one that disagrees with them teaches its own
taste.
"""

from __future__ import annotations

import os

from airflow_provider_bedrock_rft.grading import GraderSample, Reward, bedrock_judge, gate, length_within, rft_grader

RUBRIC = """10: solves the customer's problem, is polite, promises nothing that the reference does not allow.
5: polite, and a step towards a solution.
0: rude, beside the point, or promises what the reference does not allow."""

_judge = bedrock_judge(os.environ.get("JUDGE_MODEL", "openai.gpt-oss-120b-1:0"), RUBRIC, max_tokens=2_000_000)
_graded = gate(length_within(max_words=150), _judge)


@rft_grader(on_error="fail")
def grade(sample: GraderSample) -> Reward:
    """The judge's verdict on replies of at most 150 words; a judge that cannot be asked fails the batch."""
    return _graded(sample)
