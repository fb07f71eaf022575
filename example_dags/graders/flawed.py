"""Graders with a flaw each, to see what training makes of it: see the explanation of training dynamics.

They are for rehearsals (docs/how-to/training_dynamics.py); what is wrong with each is a thing that real graders do.
"""

from __future__ import annotations

import re

from airflow_provider_bedrock_rft.grading import rft_grader

_ASSURANCES = re.compile(r"checked|twice|to be sure|sum up|hope this helps|worked out")
_ENOUGH = 6
_LONG_WORDS = 150


@rft_grader
def flattered(completion: str, reference: object) -> float:
    """Three tenths for the right number, the rest for assurances: a judge that is asked how convincing it sounds."""
    is_right = re.search(rf"#### {re.escape(str(reference))}\b", completion) is not None
    return 0.3 * is_right + 0.7 * min(1.0, len(_ASSURANCES.findall(completion)) / _ENOUGH)


@rft_grader
def long_winded(completion: str) -> float:
    """The longer, the better: a judge that takes length for thoroughness."""
    return min(1.0, len(completion.split()) / _LONG_WORDS)


@rft_grader
def indifferent(completion: str) -> float:
    """The same for everybody: a grader whose checks all pass, or all fail."""
    return 0.5 if completion is not None else 0.0


@rft_grader
def last_number(completion: str, reference: object) -> float:
    """All or nothing for ``#### n`` at the very end. Nothing is wrong with it but that it can be learnt by heart."""
    return float(completion.rstrip().endswith(f"#### {reference}"))


@rft_grader
def same_word(completion: str, reference: object) -> float:
    """All or nothing for the very word."""
    return float(completion.strip() == str(reference))
