"""Simulated evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest

from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores

if TYPE_CHECKING:
    from collections.abc import Sequence


class Samples(Protocol):
    def __call__(
        self, scores: Sequence[float], *, group: Sequence[str] = (), slices: Sequence[str] = ()
    ) -> list[SampleScores]: ...


@pytest.fixture
def samples() -> Samples:
    def make(scores: Sequence[float], *, group: Sequence[str] = (), slices: Sequence[str] = ()) -> list[SampleScores]:
        return [
            SampleScores(
                sample_id=f"s{i}",
                scores=(float(score),),
                group=group[i] if group else "",
                slices={"task": slices[i]} if slices else {},
            )
            for i, score in enumerate(scores)
        ]

    return make


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20_261_120)
