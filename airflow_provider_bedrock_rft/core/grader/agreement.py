"""A deployed grader against the local run: the same samples, the same scores, to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import GraderFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One sample that the deployed grader scores otherwise."""

    sample_id: str
    local: float
    deployed: float | None


def disagreements(local: Mapping[str, float], deployed: Mapping[str, float]) -> list[Disagreement]:
    """Every sample of the local run whose deployed score is absent or differs in any digit."""
    return [
        Disagreement(sample_id=sample_id, local=score, deployed=deployed.get(sample_id))
        for sample_id, score in local.items()
        if deployed.get(sample_id) != score
    ]


def require_agreement(arn: str, found: Sequence[Disagreement], n_samples: int) -> None:
    """Refuse a deployed grader that is not the one that was tried.

    Raises:
        GraderFailure: It disagrees on any sample.
    """
    if found:
        first = found[0]
        raise GraderFailure(
            f"{arn} scores {len(found)} of {n_samples} samples differently from the local run; the first is "
            f"{first.sample_id!r}: {first.deployed} instead of {first.local}.",
            action="Make the grader independent of time, place, environment and library versions, and deploy it again.",
            n_disagreements=len(found),
        )
