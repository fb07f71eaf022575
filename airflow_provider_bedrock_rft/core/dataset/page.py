"""Reports as one HTML page that needs nothing else: no script, no font, no link."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.check import DatasetReport
    from airflow_provider_bedrock_rft.core.dataset.finding import Finding
    from airflow_provider_bedrock_rft.core.dataset.statistics import DatasetStatistics, Distribution

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{border-bottom:1px solid #d9dfe5;padding:.3rem .6rem;"
    "text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".error{color:#a3161f}.warning{color:#8a5a00}.info{color:#3b5b7a}figure{margin:1rem 0}svg{width:100%;height:auto}"
)
_WIDTH, _HEIGHT = 720, 160


def statistics_page(statistics: DatasetStatistics, title: str) -> str:
    """The statistics of a dataset with a plot of each length."""
    hints = statistics.hints
    tokens = "Prompt tokens" if statistics.are_tokens_exact else "Prompt tokens (upper bound)"
    facts = {
        "Records": statistics.n_records,
        "with reference": statistics.n_with_reference,
        "with system turn": statistics.n_with_system,
        "maxPromptLength that drops no prompt": hints.max_prompt_tokens,
        "inferenceMaxTokens to begin with": hints.max_completion_tokens,
        f"steps per epoch at batch size {hints.batch_size}": hints.steps_per_epoch,
        "checkpoints per epoch": hints.checkpoints_per_epoch,
    }
    body = _table(("", ""), [(name, f"{value:,}") for name, value in facts.items()])
    body += _figure(tokens, statistics.prompt_tokens)
    body += _figure("Prompt characters", statistics.prompt_characters)
    body += _figure("Reference characters", statistics.reference_characters)
    if statistics.frequent_references:
        rows = [(text, f"{count:,}") for text, count in statistics.frequent_references]
        body += _table(("Most frequent references", "records"), rows)
    if statistics.metadata:
        body += _table(("Metadata", "records"), [(key, f"{count:,}") for key, count in statistics.metadata.items()])
    return _page(title, body)


def report_page(report: DatasetReport, findings: Sequence[Finding], title: str) -> str:
    """The findings of a check."""
    files = [(file.path, file.split, f"{file.n_records:,}", file.sha256) for file in report.files]
    body = _table(("File", "split", "records", "SHA-256"), files)
    body += _counts(report.counts_by_code)
    rows = [
        (f"{each.severity.value}", each.code, str(each.place), str(each.other or ""), f"{each.message} {each.action}")
        for each in findings
    ]
    body += _table(("Severity", "Code", "Place", "Other place", "What, and what to do"), rows)
    return _page(title, body)


def _counts(counts: Mapping[str, int]) -> str:
    if not counts:
        return "<p>No findings.</p>"
    return _table(("Code", "findings"), [(code, f"{count:,}") for code, count in sorted(counts.items())])


def _page(title: str, body: str) -> str:
    name = escape(title)
    head = f'<meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{name}</h1>{body}</body></html>\n'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _cell(text: str) -> str:
    if text in {"error", "warning", "info"}:
        return f'<td class="{text}">{text}</td>'
    is_number = text.replace(",", "").isdigit()
    return f'<td class="n">{text}</td>' if is_number else f"<td>{escape(text)}</td>"


def _figure(title: str, distribution: Distribution) -> str:
    summary = (
        f"{title}: median {distribution.p50:,}, p95 {distribution.p95:,}, p99 {distribution.p99:,}, "
        f"longest {distribution.maximum:,}"
    )
    return f"<figure><figcaption>{escape(summary)}</figcaption>{_histogram(distribution, summary)}</figure>"


def _histogram(distribution: Distribution, label: str) -> str:
    tallest = max(distribution.bins)
    step = _WIDTH / len(distribution.bins)
    bars = []
    for number, count in enumerate(distribution.bins):
        height = (_HEIGHT - 30) * count / tallest
        low = number * distribution.bin_width
        tip = f"{low:,} to {low + distribution.bin_width - 1:,}: {count:,} records"
        bars.append(
            f'<rect x="{number * step:.1f}" y="{_HEIGHT - 20 - height:.1f}" width="{max(1.0, step - 2):.1f}" '
            f'height="{height:.1f}" fill="#3b78b5"><title>{tip}</title></rect>'
        )
    end = len(distribution.bins) * distribution.bin_width
    axis = (
        f'<text x="0" y="{_HEIGHT - 4}" font-size="12">0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" font-size="12" text-anchor="end">{end:,}</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(bars)}{axis}</svg>'
