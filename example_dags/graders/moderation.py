"""Grader of content moderation: one label of a fixed list, and nothing for naming several."""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import final_answer, normalise, rft_grader

LABELS = frozenset({"allow", "review", "block"})


@rft_grader
def grade(completion: str, reference: str) -> float:
    """1 for the right label, 0.1 for another of the list, 0 for anything else."""
    label = normalise(final_answer(completion) or "")
    if label == normalise(reference):
        return 1.0
    return 0.1 if label in LABELS else 0.0
