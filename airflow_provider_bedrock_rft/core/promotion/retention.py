"""What may be removed: never a champion, its predecessor, or anything that something kept refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How long things are kept.

    Attributes:
        keep_days: Younger things stay, whatever they are.
        keep_last: The newest of each kind stay, however old.
        days_by_kind: Kind → days, instead of ``keep_days``.
    """

    keep_days: float = 90.0
    keep_last: int = 3
    days_by_kind: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min([self.keep_days, *self.days_by_kind.values()]) < 0 or self.keep_last < 1:
            raise InvalidPolicy("Days to keep must not be negative, and at least the last one of a kind is kept.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One thing that could be removed.

    Attributes:
        kind: ``file``, ``grader``, ``model``, ``deployment`` …
        reference: As lineage names it.
        created_at: Epoch seconds, UTC.
        refers_to: References it needs; they stay while it stays.
        family: Within which the newest are kept, such as the function of a version; empty for the whole kind.
    """

    kind: str
    reference: str
    created_at: float
    refers_to: tuple[str, ...] = ()
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What would be removed, and why everything else stays.

    Attributes:
        removed: Oldest first.
        kept: Reference → reason.
    """

    removed: tuple[Stored, ...]
    kept: Mapping[str, str]


def plan_removal(
    stored: Sequence[Stored],
    *,
    protected: Mapping[str, str],
    policy: RetentionPolicy,
    now: float,
) -> RetentionPlan:
    """Plan a clean-up.

    Args:
        stored: Everything there is.
        protected: Reference → why it must stay: champion, predecessor, their ancestry, running jobs.
        policy: How long things are kept.
        now: Epoch seconds, UTC.
    """
    kept = {one.reference: protected[one.reference] for one in stored if one.reference in protected}
    newest = _newest(stored, policy.keep_last)
    for one in stored:
        days = policy.days_by_kind.get(one.kind, policy.keep_days)
        if one.reference in newest:
            kept.setdefault(one.reference, f"among the newest {policy.keep_last} of its kind")
        elif now - one.created_at < days * _DAY_SECONDS:
            kept.setdefault(one.reference, f"younger than {days:g} days")
    _keep_referenced(stored, kept)
    removed = [one for one in stored if one.reference not in kept]
    return RetentionPlan(removed=tuple(sorted(removed, key=lambda one: (one.created_at, one.reference))), kept=kept)


def _newest(stored: Iterable[Stored], n: int) -> AbstractSet[str]:
    families: dict[tuple[str, str], list[Stored]] = {}
    for one in stored:
        families.setdefault((one.kind, one.family), []).append(one)
    return {
        one.reference
        for family in families.values()
        for one in sorted(family, key=lambda one: (-one.created_at, one.reference))[:n]
    }


def _keep_referenced(stored: Sequence[Stored], kept: dict[str, str]) -> None:
    by_reference = {one.reference: one for one in stored}
    waiting = list(kept)
    while waiting:
        holder = waiting.pop()
        for reference in by_reference[holder].refers_to:
            if reference in by_reference and reference not in kept:
                kept[reference] = f"referred to by {holder}"
                waiting.append(reference)
