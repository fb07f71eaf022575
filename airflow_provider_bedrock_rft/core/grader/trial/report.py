"""What the bench found, and how it is shown: as text, JSON (``grader-test/1``) and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

SCHEMA = "grader-test/1"
MAX_SAMPLES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sample that explains a finding; texts are cut."""

    sample_id: str
    completion: str
    reference: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding, good or bad.

    Attributes:
        code: What was checked.
        passed: Whether it holds.
        value: What was measured, in the unit of the threshold.
        threshold: What it was held against; ``None`` where there is nothing to measure.
        message: One sentence.
        samples: Some that explain it.
    """

    code: str
    passed: bool
    value: float | None = None
    threshold: float | None = None
    message: str = ""
    samples: Sequence[Shown] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """Everything the bench found about one grader.

    Attributes:
        origin: The grader.
        checks: In the order in which they were made.
        n_records: Records tried.
        n_graded: Completions graded.
        template: How right answers were written: the form the grader pays best.
        latency_ms: ``p50``, ``p95`` and ``p99`` of grading one sample.
        rewards: Count of scores by tenth of their range.
    """

    origin: str
    checks: Sequence[Check]
    n_records: int = 0
    n_graded: int = 0
    template: str = ""
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    rewards: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True when no check failed."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.passed]


def to_json(report: TrialReport) -> str:
    """The report as one JSON document of :data:`SCHEMA`."""
    checks = [
        {
            "code": check.code,
            "passed": check.passed,
            "value": check.value,
            "threshold": check.threshold,
            "samples": [
                {
                    "id": shown.sample_id,
                    "completion": shown.completion,
                    "reference": shown.reference,
                    "score": shown.score,
                }
                for shown in check.samples
            ],
            "message": check.message,
        }
        for check in report.checks
    ]
    document = {
        "schema": SCHEMA,
        "passed": report.passed,
        "grader": report.origin,
        "n_records": report.n_records,
        "n_graded": report.n_graded,
        "template": report.template,
        "checks": checks,
        "latency_ms": {name: round(value, 4) for name, value in report.latency_ms.items()},
        "rewards": {**report.rewards},
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def to_text(report: TrialReport) -> str:
    """The report for a terminal."""
    lines = [f"{report.origin}: {report.n_graded} completions of {report.n_records} records"]
    if report.template:
        lines.append(f"right answers written as {report.template!r}")
    for check in report.checks:
        measured = "" if check.value is None else f"  {_number(check.value)}"
        held = "" if check.threshold is None else f" (threshold {_number(check.threshold)})"
        lines.append(
            f"  {'ok  ' if check.passed else 'FAIL'}  {check.code:<24}{measured}{held}  {check.message}".rstrip()
        )
        if not check.passed:
            lines += [f"          {_sentence(shown)}" for shown in check.samples]
    latency = ", ".join(f"{name} {value:.3f} ms" for name, value in report.latency_ms.items())
    lines.append(f"latency per sample: {latency or 'not measured'}")
    n_failed = len(report.failures)
    lines.append("passed" if report.passed else f"FAILED: {n_failed} of {len(report.checks)} checks")
    return "\n".join(lines)


def to_html(report: TrialReport) -> str:
    """The report as one self-contained page."""
    rows = "".join(_html_row(check) for check in report.checks)
    peak = max(report.rewards.values(), default=1)
    bars = "".join(
        f'<tr><td>{escape(name)}</td><td><div style="width:{300 * count // peak}px"></div></td><td>{count}</td></tr>'
        for name, count in report.rewards.items()
    )
    verdict = "passed" if report.passed else "failed"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(report.origin)}: {verdict}</title>
<style>{_STYLE}</style>
<h1>{escape(report.origin)} <span class="{verdict}">{verdict}</span></h1>
<p>{report.n_graded} completions of {report.n_records} records; right answers written as
<code>{escape(report.template)}</code>.</p>
<table><tr><th>check<th>value<th>threshold<th>finding</tr>{rows}</table>
<h2>Rewards</h2><table class="bars">{bars}</table>
</html>
"""


_STYLE = (
    "body{font:15px system-ui;margin:2rem auto;max-width:70rem;color:#222}table{border-collapse:collapse}"
    "td,th{padding:.3rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}"
    ".passed{color:#17692c}.failed{color:#a3161f}.bars div{background:#4a78b5;height:1em}"
    "pre{white-space:pre-wrap;margin:0}"
)


def _html_row(check: Check) -> str:
    verdict = "passed" if check.passed else "failed"
    samples = "".join(f"<pre>{escape(_sentence(shown))}</pre>" for shown in ([] if check.passed else check.samples))
    return (
        f'<tr><td class="{verdict}">{escape(check.code)}</td><td>{_number(check.value)}</td>'
        f"<td>{_number(check.threshold)}</td><td>{escape(check.message)}{samples}</td></tr>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _sentence(shown: Shown) -> str:
    score = "" if shown.score is None else f" scores {shown.score:.4g}"
    return f"{shown.sample_id}{score}: {shown.completion!r}, reference {shown.reference!r}"
