"""The JSON of a comparison, schema ``comparison/1``: fields are added, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.core.evaluation.calibration import GraderCalibration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
    from airflow_provider_bedrock_rft.core.evaluation.power import Power
    from airflow_provider_bedrock_rft.core.evaluation.slices import SliceDifference
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent

SCHEMA = "comparison/1"


def to_json(content: ReportContent) -> bytes:
    """The report for machines, indented, with a final line break."""
    return msgspec.json.format(msgspec.json.encode(to_mapping(content)), indent=2) + b"\n"


def to_mapping(content: ReportContent) -> Mapping[str, object]:
    """The report for machines, as JSON-serialisable data."""
    comparison, decision = content.comparison, content.decision
    return {
        "schema": SCHEMA,
        "decision": decision.verdict.value,
        "reasons": [reason.text for reason in decision.reasons],
        "reason_codes": [reason.code for reason in decision.reasons],
        "n_samples": comparison.n_samples,
        "n_clusters": comparison.n_clusters,
        "n_wins": comparison.n_wins,
        "n_losses": comparison.n_losses,
        "n_ties": comparison.n_ties,
        "baseline": _estimate(comparison.baseline),
        "candidate": _estimate(comparison.candidate),
        "difference": _estimate(comparison.difference),
        "p_value": comparison.p_value,
        "p_worse": comparison.p_worse,
        "alpha": decision.alpha,
        "test": comparison.test,
        "power": _power(decision.power),
        "slices": [_slice(one) for one in comparison.slices],
        "growth": [msgspec.to_builtins(one) for one in comparison.growth],
        "grader_calibration": msgspec.to_builtins(content.calibration)
        if isinstance(content.calibration, GraderCalibration)
        else None,
        "n_resamples": comparison.n_resamples,
        "seed": comparison.seed,
        "needs_approval": decision.needs_approval,
        "fingerprint": decision.comparison_fingerprint,
    }


def _estimate(estimate: Estimate | None) -> Mapping[str, object] | None:
    if estimate is None:
        return None
    return {
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "confidence": estimate.confidence,
        "method": estimate.method,
    }


def _power(power: Power | None) -> Mapping[str, object] | None:
    if power is None:
        return None
    return {
        "target": power.target,
        "at_target": power.at_target,
        "wanted": power.wanted,
        "alpha": power.alpha,
        "detectable": power.detectable,
        "n_needed": power.n_needed,
        "n_more": power.n_more,
    }


def _slice(one: SliceDifference) -> Mapping[str, object]:
    return {
        "slice": one.name,
        "key": one.key,
        "value": one.value,
        "n_samples": one.n_samples,
        "difference": _estimate(one.difference),
        "p_worse": one.p_worse if one.difference else None,
        "too_few": str(one.too_few) if one.too_few else None,
    }
