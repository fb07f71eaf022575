"""What was used to choose must not be used to judge: checkpoint choice and test look at different samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidScores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores


def refuse_overlap(chosen_on: Sequence[SampleScores], tested_on: Sequence[SampleScores]) -> None:
    """A checkpoint chosen on some prompts is judged on others; the best of several looks better than it is on its own.

    Raises:
        InvalidScores: A prompt is in both sets.
    """
    chosen = {sample.prompt or sample.sample_id for sample in chosen_on}
    shared = [sample.sample_id for sample in tested_on if (sample.prompt or sample.sample_id) in chosen]
    if shared:
        raise InvalidScores(
            f"{len(shared)} samples of the test split were used to choose the checkpoint, {shared[0]!r} among them.",
            action="Choose on the validation split, and test on a split that nothing else has seen.",
            sample_ids=shared[:20],
        )
