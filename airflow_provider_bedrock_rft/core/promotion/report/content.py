"""What a report is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.evaluation.calibration import GraderCalibration
from airflow_provider_bedrock_rft.core.evaluation.estimate import TooFewSamples
from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
from airflow_provider_bedrock_rft.core.promotion.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """One sample's texts under both models."""

    prompt: str = ""
    baseline: str = ""
    candidate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """Everything a report shows. All texts of models and datasets are strangers' texts.

    Attributes:
        comparison: The numbers.
        decision: What came of them.
        title: Heading.
        baseline: Name of the baseline.
        candidate: Name of the candidate.
        reward_curve: Training step and mean reward.
        texts: Sample id → texts, for the samples that moved most.
        calibration: Of the grader, where there are labels.
        facts: Name → value: costs, fingerprints, versions.
    """

    comparison: Comparison
    decision: Decision
    title: str = "Comparison"
    baseline: str = "baseline"
    candidate: str = "candidate"
    reward_curve: Sequence[tuple[float, float]] = ()
    texts: Mapping[str, Sides] = field(default_factory=dict)
    calibration: GraderCalibration | TooFewSamples | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
