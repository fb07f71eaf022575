"""How hard each prompt is for a model, and whether its groups can teach anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from statistics import pstdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores


class Level(str, Enum):
    """What a prompt's completions look like."""

    SOLVED = "solved"
    """All succeed: nothing left to learn."""
    TEACHES = "teaches"
    """Rewards differ within the group: it has advantages to learn from."""
    FLAT = "flat"
    """All get the same partial reward: no advantage."""
    FAILED = "failed"
    """None gets any reward: nothing to reinforce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """One prompt's difficulty.

    Attributes:
        sample_id: The record's id.
        mean: Mean reward.
        deviation: Standard deviation of the rewards within the group.
        n_completions: Completions behind it.
        level: What to make of it.
    """

    sample_id: str
    mean: float
    deviation: float
    n_completions: int
    level: Level


def difficulties(
    samples: Iterable[SampleScores], *, success_at: float = 1.0, floor: float = 0.0
) -> Iterator[Difficulty]:
    """Each sample's difficulty, in order; samples without any score are left out.

    Args:
        samples: With several completions each.
        success_at: Reward from which a completion counts as a success.
        floor: Reward of a completion that earned nothing.
    """
    for sample in samples:
        if sample.scores:
            yield Difficulty(
                sample_id=sample.sample_id,
                mean=math.fsum(sample.scores) / len(sample.scores),
                deviation=pstdev(sample.scores),
                n_completions=len(sample.scores),
                level=_level(sample.scores, success_at, floor),
            )


def _level(scores: tuple[float, ...], success_at: float, floor: float) -> Level:
    if min(scores) >= success_at:
        return Level.SOLVED
    if max(scores) <= floor:
        return Level.FAILED
    return Level.TEACHES if max(scores) > min(scores) else Level.FLAT
