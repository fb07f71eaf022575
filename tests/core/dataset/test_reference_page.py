from __future__ import annotations

from pathlib import Path

from airflow_provider_bedrock_rft.core.dataset.rules import RULES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "dataset-findings.md"


def test_the_page_lists_every_rule_as_it_is() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [f"| `{code}` | {rule.severity} | {rule.about} | {rule.action} |" for code, rule in RULES.items()]
