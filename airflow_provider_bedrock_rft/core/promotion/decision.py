"""Promote, hold or reject, with every reason in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.evaluation.power import Power


class Verdict(str, Enum):
    """What becomes of the candidate."""

    PROMOTE = "promote"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One finding of the gate.

    Attributes:
        code: Stable name, for machines.
        verdict: What this finding alone would decide.
        text: One sentence with its numbers.
    """

    code: str
    verdict: Verdict
    text: str


@payload("rft.decision")
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate decided.

    Attributes:
        verdict: The strictest of the reasons.
        reasons: The strictest first.
        alpha: Significance level the test was held to.
        p_value: What it found.
        power: What a test of this size can see, ``None`` with too few samples.
        comparison_fingerprint: Of the comparison that was judged.
        needs_approval: A person has to confirm the promotion.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    alpha: float
    p_value: float
    power: Power | None
    comparison_fingerprint: str
    needs_approval: bool = False

    @property
    def summary(self) -> str:
        """One line for logs and titles."""
        return f"{self.verdict.value}: {self.reasons[0].text}"
