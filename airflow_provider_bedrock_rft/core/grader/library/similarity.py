"""String similarity, on rapidfuzz."""

from __future__ import annotations

from airflow_provider_bedrock_rft.core.grader.library.answers import final_answer, normalise, reference_texts
from airflow_provider_bedrock_rft.core.grader.reward import Reward


def text_similarity(completion: str, reference: object, *, floor: float = 0.6) -> Reward:
    """The normalised edit similarity to the nearest reference, 0 below ``floor`` and stretched to 0 to 1 above it.

    Unrelated texts of a language share a third to a half of their letters: without the floor they would earn that.
    """
    from rapidfuzz.distance import Indel  # noqa: PLC0415 -- only graders that use it have it

    texts = [normalise(text) for text in reference_texts(reference)]
    if not texts:
        raise ValueError("The reference holds no text.")
    candidates = {normalise(completion), normalise(final_answer(completion) or "")}
    raw = max(Indel.normalized_similarity(candidate, text) for candidate in candidates for text in texts)
    return Reward(max(0.0, (raw - floor) / (1.0 - floor)), metrics={"similarity": float(raw)})
