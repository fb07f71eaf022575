"""A person's word on a promotion: what is shown to them, and what they answered in Airflow's ``ApprovalOperator``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.hooks.gate import GateResult

APPROVE = "Approve"
"""The option of Airflow's ``ApprovalOperator`` that says yes."""


def markdown_of(comparison: Comparison, result: GateResult) -> str:
    """The comparison for the body of an approval; names of models and slices are escaped."""
    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent
    from airflow_provider_bedrock_rft.core.promotion.report.plain import to_markdown

    if result.decision is None:
        return ""
    content = ReportContent(
        comparison=comparison,
        decision=result.decision,
        title=f"{result.candidate_model} against {result.baseline_model}",
        baseline=result.baseline_model,
        candidate=result.candidate_model,
        facts={"champion": result.champion_model or "nobody yet", "grader": result.grader_arn},
    )
    return to_markdown(content)


def approver_in(answer: object) -> str | None:
    """Who approved, by the output of an ``ApprovalOperator``; empty for a rejection, ``None`` when nobody was asked."""
    if not isinstance(answer, Mapping) or not isinstance(options := answer.get("chosen_options"), (list, tuple)):
        return None
    if APPROVE not in options:
        return ""
    user = answer.get("responded_by_user")
    name = user.get("name") or user.get("id") if isinstance(user, Mapping) else user
    return str(name or "somebody")
