"""Comparisons made to order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison, compare
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

if TYPE_CHECKING:
    from collections.abc import Sequence


class Compared(Protocol):
    def __call__(
        self,
        wins: int,
        losses: int,
        ties: int,
        *,
        slices: Sequence[str] = (),
        tokens: tuple[float, float] | None = None,
    ) -> Comparison: ...


@pytest.fixture
def compared() -> Compared:
    def make(
        wins: int,
        losses: int,
        ties: int,
        *,
        slices: Sequence[str] = (),
        tokens: tuple[float, float] | None = None,
    ) -> Comparison:
        pairs = [(0.0, 1.0)] * wins + [(1.0, 0.0)] * losses + [(1.0, 1.0)] * ties
        sides: tuple[list[SampleScores], list[SampleScores]] = ([], [])
        for i, pair in enumerate(pairs):
            for side in (0, 1):
                sides[side].append(
                    SampleScores(
                        sample_id=f"s{i:05}",
                        scores=(pair[side],),
                        slices={"task": slices[i]} if slices else {},
                        completion_tokens=tokens[side] + i % 5 if tokens else None,
                    )
                )
        return compare(*sides)

    return make
