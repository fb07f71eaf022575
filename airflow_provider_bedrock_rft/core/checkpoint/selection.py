"""Which checkpoint to go on with, by scores on a split that the final test never sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence


class SelectionRule(str, Enum):
    """How a checkpoint is chosen."""

    LATEST = "latest"
    BEST = "best"
    ONE_STANDARD_ERROR = "one_standard_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointScore:
    """A checkpoint's reward on the selection split.

    Attributes:
        checkpoint: What was scored.
        mean: Mean reward.
        standard_error: Of the mean; 0 when every sample scored the same.
        n: Samples scored.
    """

    checkpoint: Checkpoint
    mean: float
    standard_error: float
    n: int


@payload("rft.checkpoint_choice")
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointChoice:
    """The checkpoint to go on with, and why.

    Attributes:
        checkpoint: The choice.
        rule: By which rule.
        reason: One sentence for the log.
        n_considered: Checkpoints that were in the running.
        chosen_on: URIs of the evaluations it was chosen by: a test on any of their prompts would flatter it.
    """

    checkpoint: Checkpoint
    rule: SelectionRule
    reason: str
    n_considered: int
    chosen_on: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model id that answers with it."""
        return self.checkpoint.model


def choose_latest(checkpoints: Sequence[Checkpoint]) -> CheckpointChoice:
    """The checkpoint of the highest step.

    Raises:
        InvalidInput: There are none.
    """
    _check_any(checkpoints)
    latest = max(checkpoints, key=lambda checkpoint: checkpoint.step)
    reason = f"Step {latest.step} is the latest of {len(checkpoints)} checkpoints."
    return CheckpointChoice(checkpoint=latest, rule=SelectionRule.LATEST, reason=reason, n_considered=len(checkpoints))


def choose_best(scores: Sequence[CheckpointScore]) -> CheckpointChoice:
    """The checkpoint of the highest mean; of equals the earliest, which has drifted least from the base.

    Raises:
        InvalidInput: There are none, or a mean is no number.
    """
    best = _best_of(scores)
    reason = f"Step {best.checkpoint.step} has the best held-out reward, {_shown(best)}, of {len(scores)} checkpoints."
    return CheckpointChoice(
        checkpoint=best.checkpoint, rule=SelectionRule.BEST, reason=reason, n_considered=len(scores)
    )


def choose_within_one_standard_error(scores: Sequence[CheckpointScore]) -> CheckpointChoice:
    """The earliest checkpoint that is within one standard error of the best.

    The best of several noisy means is too good to be true; the simplest candidate that cannot be told from it is the
    safer choice (Breiman et al. 1984; Hastie et al., Elements of Statistical Learning, section 7.10). Here the simplest
    is the one trained for the fewest steps.

    Raises:
        InvalidInput: There are none, or a mean is no number.
    """
    best = _best_of(scores)
    bar = best.mean - best.standard_error
    chosen = min((score for score in scores if score.mean >= bar), key=lambda score: score.checkpoint.step)
    reason = (
        f"Step {chosen.checkpoint.step} ({_shown(chosen)}) is the earliest of {len(scores)} checkpoints within one"
        f" standard error of the best, step {best.checkpoint.step} ({_shown(best)})."
    )
    return CheckpointChoice(
        checkpoint=chosen.checkpoint,
        rule=SelectionRule.ONE_STANDARD_ERROR,
        reason=reason,
        n_considered=len(scores),
    )


def _best_of(scores: Sequence[CheckpointScore]) -> CheckpointScore:
    _check_any(scores)
    for score in scores:
        if not math.isfinite(score.mean) or not math.isfinite(score.standard_error) or score.n < 1:
            raise InvalidInput(
                f"The checkpoint of step {score.checkpoint.step} has no usable score ({_shown(score)}, n={score.n}).",
                action="Score every checkpoint on the same non-empty selection split.",
            )
    return max(scores, key=lambda score: (score.mean, -score.checkpoint.step))


def _check_any(candidates: Sequence[object]) -> None:
    if not candidates:
        raise InvalidInput(
            "There is no checkpoint to choose from.",
            action="Wait for the first one (BedrockRftCheckpointAvailableSensor), or train for more steps.",
        )


def _shown(score: CheckpointScore) -> str:
    return f"{score.mean:.4g} ± {score.standard_error:.2g}"
