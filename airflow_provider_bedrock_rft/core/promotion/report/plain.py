"""The report as text for a terminal and as Markdown for a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.promotion.report.content import ReportContent

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def to_text(content: ReportContent) -> str:
    """A few lines for a terminal."""
    return "\n".join([*_headline(content), "", *(f"  {name:<22} {value}" for name, value in _rows(content))]) + "\n"


def to_markdown(content: ReportContent) -> str:
    """A section with tables; strangers' texts are escaped."""
    comparison = content.comparison
    lines = [f"### {escape(content.title)}: {content.decision.verdict.value}", ""]
    lines += [f"- {escape(reason.text)}" for reason in content.decision.reasons]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {escape(name)} | {escape(value)} |" for name, value in _rows(content)]
    if comparison.slices:
        lines += ["", "| slice | n | difference | p (worse, Holm) |", "|---|--:|---|--:|"]
    for one in comparison.slices:
        shown = str(one.difference) if one.difference else str(one.too_few)
        p_value = f"{one.p_worse:.2g}" if one.difference else ""
        lines.append(f"| {escape(one.name)} | {one.n_samples} | {escape(shown)} | {p_value} |")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """``text`` with everything that Markdown or HTML would take for itself made plain, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _headline(content: ReportContent) -> Iterator[str]:
    yield content.decision.verdict.value.upper()
    for reason in content.decision.reasons:
        yield f"  {reason.verdict.value}: {reason.text}"


def _rows(content: ReportContent) -> Iterator[tuple[str, str]]:
    comparison, power = content.comparison, content.decision.power
    yield "samples", f"{comparison.n_samples} ({comparison.n_clusters} independent)"
    yield "wins / losses / ties", f"{comparison.n_wins} / {comparison.n_losses} / {comparison.n_ties}"
    for name, level in ((content.baseline, comparison.baseline), (content.candidate, comparison.candidate)):
        yield name, f"{level.unsigned} ({level.method})" if level else "too few samples"
    difference = comparison.difference
    shown = f"{difference} ({difference.method}, {difference.confidence:.0%})" if difference else comparison.too_few
    yield "difference", str(shown)
    yield "p-value", f"{comparison.p_value:.3g} of {content.decision.alpha:.3g} allowed ({comparison.test})"
    if power is not None:
        yield (
            "power",
            f"{power.at_target:.0%} for a true gain of {power.target:+.3g}; {power.n_more:,} more samples needed",
        )
    for growth in comparison.growth:
        yield growth.what, f"{growth.growth:+.1%} [{growth.low:+.1%}, {growth.high:+.1%}]"
    if content.calibration is not None:
        yield "grader", str(content.calibration)
    yield "seed, resamples", f"{comparison.seed}, {comparison.n_resamples:,}"
    yield from content.facts.items()
