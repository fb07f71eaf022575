"""Grader of compliance answers: the right conclusion, cited from the regulation at hand, in a few sentences.

The reference is ``{"answer": "no", "citations": ["Art. 6", "Art. 13"]}``; a citation that does not exist there costs.
"""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import (
    GraderSample,
    Reward,
    citation_required,
    final_answer,
    length_within,
    normalise,
    rft_grader,
    weighted_sum,
)


def concludes(completion: str, reference: dict[str, object]) -> float:
    """1 when the conclusion is the reference's."""
    return float(normalise(final_answer(completion) or "") == normalise(str(reference["answer"])))


def cites(completion: str, reference: dict[str, list[str]]) -> Reward:
    """The share of cited articles that the reference knows, and that it asks for."""
    known = reference["citations"]
    return citation_required(r"Art\. ?\d+", known=known, max_citations=len(known) + 1)(completion)


_graded = weighted_sum(
    {"conclusion": (0.6, concludes), "sources": (0.3, cites), "brevity": (0.1, length_within(max_words=200))}
)


@rft_grader
def grade(sample: GraderSample) -> Reward:
    """Conclusion 0.6, sources 0.3, brevity 0.1; nothing without the right conclusion but its sources at half."""
    reward = _graded(sample)
    is_right = reward.components["conclusion"] == 1.0
    value = reward.value if is_right else 0.15 * reward.components["sources"]
    return Reward(value, components=reward.components, metrics=reward.metrics)
