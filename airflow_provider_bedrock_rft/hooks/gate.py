"""What the promotion gate hands on, and how it reads in a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
from airflow_provider_bedrock_rft.core.promotion.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry, Registry


@payload("rft.gate")
@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A verdict, its reasons, and what it was about.

    Attributes:
        verdict: ``promote``, ``hold`` or ``reject``.
        summary: The verdict and its first reason, in one line.
        reasons: All of them, the strictest first.
        pipeline: Whose champion is at stake.
        baseline_model: What the candidate was compared with.
        candidate_model: What may become champion.
        champion_model: The champion while the gate decided; empty for none.
        n_samples: Pairs compared.
        n_wins: Pairs where the candidate scores higher.
        n_losses: Pairs where it scores lower.
        baseline: Mean score, ``None`` with too few samples.
        candidate: Likewise.
        difference: Candidate minus baseline, likewise.
        p_value: One-sided, of the named test.
        test: Its name.
        alpha: The level the test was held to.
        needs_approval: A person has to confirm the promotion.
        comparison_fingerprint: Of the comparison that was judged.
        decision: The verdict as it was judged, for the report.
        confidence: Coverage of the intervals.
        seed: Of every draw.
        grader_arn: Who scored both sides.
    """

    verdict: str
    summary: str
    reasons: tuple[str, ...]
    pipeline: str
    baseline_model: str
    candidate_model: str
    champion_model: str
    n_samples: int
    n_wins: int
    n_losses: int
    baseline: Estimate | None
    candidate: Estimate | None
    difference: Estimate | None
    p_value: float | None
    test: str
    alpha: float
    needs_approval: bool
    comparison_fingerprint: str
    decision: Decision | None = None
    confidence: float = 0.95
    seed: int = 0
    grader_arn: str = ""

    @classmethod
    def of(
        cls,
        comparison: Comparison,
        decision: Decision,
        registry: Registry,
        *,
        baseline: EvaluationRun,
        candidate: EvaluationRun,
        champion: ChampionEntry | None,
    ) -> GateResult:
        """The gist of a decision and of the comparison behind it."""
        return cls(
            verdict=decision.verdict.value,
            summary=decision.summary,
            reasons=tuple(f"{reason.verdict.value} ({reason.code}): {reason.text}" for reason in decision.reasons),
            pipeline=registry.pipeline,
            baseline_model=baseline.model,
            candidate_model=candidate.model,
            champion_model=champion.model if champion else "",
            n_samples=comparison.n_samples,
            n_wins=comparison.n_wins,
            n_losses=comparison.n_losses,
            baseline=comparison.baseline,
            candidate=comparison.candidate,
            difference=comparison.difference,
            p_value=comparison.p_value,
            test=comparison.test,
            alpha=decision.alpha,
            needs_approval=decision.needs_approval,
            comparison_fingerprint=decision.comparison_fingerprint,
            decision=decision,
            confidence=comparison.confidence,
            seed=comparison.seed,
            grader_arn=candidate.grader_arn,
        )


def rows_of(result: GateResult) -> tuple[tuple[str, str], ...]:
    """The decision as names and what is to be said of them."""
    p = "too few samples" if result.p_value is None else f"p = {result.p_value:.3g}, alpha = {result.alpha:.3g}"
    return (
        ("baseline", f"{result.baseline_model}  {_mean(result.baseline)}"),
        ("candidate", f"{result.candidate_model}  {_mean(result.candidate)}"),
        ("difference", str(result.difference) if result.difference else "too few samples"),
        ("test", f"{result.test}, {p}"),
        ("samples", f"{result.n_samples} pairs: {result.n_wins} won, {result.n_losses} lost"),
        ("champion", result.champion_model or "nobody yet"),
        *(("reason", reason) for reason in result.reasons),
    )


def table_of(result: GateResult) -> Iterator[str]:
    """The decision as the lines of a table."""
    rule = "─" * 72
    yield rule
    yield f"{'verdict':<11}│ {result.verdict.upper()}"
    yield rule
    for name, text in rows_of(result):
        yield f"{name:<11}│ {text}"
    yield rule


def _mean(estimate: Estimate | None) -> str:
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]" if estimate else "too few samples"
