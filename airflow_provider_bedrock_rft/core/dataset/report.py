"""A check's report as text, for people, and as JSON of the schema ``dataset-check/1``, for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.dataset.check import DatasetReport

SCHEMA = "dataset-check/1"


def report_json(report: DatasetReport, *, max_findings: int = 0) -> dict[str, object]:
    """The report as JSON data; ``max_findings`` 0 gives all. A finding on a whole file has no line."""
    shown = report.findings[:max_findings] if max_findings else report.findings
    return {
        "schema": SCHEMA,
        "files": [{"path": file.path, "records": file.n_records, "sha256": file.sha256} for file in report.files],
        "findings": [_finding_json(finding) for finding in shown],
        "counts": {severity.value: report.counts.get(severity, 0) for severity in Severity},
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    other = finding.other
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "file": finding.place.file,
        "line": finding.place.line or None,
        "other_file": other.file if other else None,
        "other_line": other.line or None if other else None,
        "field": finding.field or None,
        "message": finding.message,
        "action": finding.action,
    }


def report_lines(report: DatasetReport, *, max_per_code: int = 20, max_findings: int = 0) -> Iterator[str]:
    """The report as lines of text: each finding, how many more there are of its code, and a summary."""
    shown: Counter[str] = Counter()
    for finding in report.findings[: max_findings or None]:
        shown[finding.code] += 1
        if not max_per_code or shown[finding.code] <= max_per_code:
            yield str(finding)
    for code, count in sorted(report.counts_by_code.items()):
        if max_per_code and count > max_per_code:
            yield f"… and {count - max_per_code:,} more {code}"
    yield from _summary(report)


def _summary(report: DatasetReport) -> Sequence[str]:
    files = [f"{file.path}: {file.n_records:,} records, sha256 {file.sha256}" for file in report.files]
    return [*files, counted(report)]


def counted(report: DatasetReport) -> str:
    """How many findings of each severity, in words: ``1 error, 0 warnings, 2 notes``."""
    return ", ".join(_in_words(report.counts.get(severity, 0), severity) for severity in Severity)


def _in_words(count: int, severity: Severity) -> str:
    word = "note" if severity is Severity.INFO else severity.value
    return f"{count:,} {word}{'s' * (count != 1)}"
