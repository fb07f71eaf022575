"""Error control across recurring runs: what each test of a year may spend of the year's chance of a false promotion.

The rule is the online fallback procedure (Tian and Ramdas, 2021): each test gets an equal share of the year's risk, and
a test that found something hands its level on to the next. It bounds the chance of *any* false promotion by the year's
risk, however the tests depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import to_utc
from airflow_provider_bedrock_rft.core.codec import payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy


@payload("rft.ledger_entry")
@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One test that was made.

    Attributes:
        number: From 1, within the year.
        test_id: Whoever asked, such as the run's id.
        comparison: Fingerprint of the comparison: judging it again is no new test.
        fresh: What it took from the year's risk.
        alpha: What it was held to: ``fresh`` and what the test before handed on.
        p_value: What it found.
        at: Epoch seconds, UTC.
    """

    number: int
    test_id: str
    comparison: str
    fresh: float
    alpha: float
    p_value: float
    at: float

    @property
    def found_something(self) -> bool:
        """True when its level passes on to the next test."""
        return self.p_value <= self.alpha


def next_entry(
    entries: Sequence[LedgerEntry],
    *,
    policy_risk: float,
    runs_per_year: int,
    test_id: str,
    comparison: str,
    p_value: float,
    at: float,
) -> LedgerEntry:
    """The entry of the test that follows ``entries`` (those of one year, in order)."""
    left = max(0.0, policy_risk - sum(entry.fresh for entry in entries))
    fresh = min(policy_risk / runs_per_year, left)
    if fresh < 1e-12:  # what rounding left
        fresh = 0.0
    handed_on = entries[-1].alpha if entries and entries[-1].found_something else 0.0
    return LedgerEntry(
        number=len(entries) + 1,
        test_id=test_id,
        comparison=comparison,
        fresh=fresh,
        alpha=fresh + handed_on,
        p_value=p_value,
        at=at,
    )


def entry_of(
    entries: Sequence[LedgerEntry], comparison: Comparison, policy: PromotionPolicy, *, test_id: str, at: float
) -> LedgerEntry:
    """The entry that a comparison has among ``entries``, or the next one, whose number is beyond theirs."""
    fingerprint = comparison.content_fingerprint()
    for entry in entries:
        if entry.comparison == fingerprint:
            return entry
    return next_entry(
        entries,
        policy_risk=policy.yearly_risk or 0.0,
        runs_per_year=policy.runs_per_year,
        test_id=test_id,
        comparison=fingerprint,
        p_value=comparison.p_value,
        at=at,
    )


def year_of(at: float) -> str:
    """The calendar year (UTC) whose risk a test spends."""
    return f"{to_utc(at).year:04}"


def planned_alpha(policy: PromotionPolicy) -> float:
    """The level of a test to which nothing was handed on; for planning sample sizes."""
    return policy.alpha if policy.yearly_risk is None else policy.yearly_risk / policy.runs_per_year
