"""Who decides: the one seam between the grammar and whatever picks candidates (a policy, a script)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from airflow_provider_bedrock_rft.emulator.learner.choice import Choice


class Decider(Protocol):
    """Picks a candidate, decision by decision."""

    def decide(self, key: Hashable, build: Callable[[], Choice]) -> str:
        """The candidate picked; equal keys on one prompt mean equal choices, so ``build`` may be skipped."""
        ...
