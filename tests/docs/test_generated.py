"""The reference pages hold all there is: every public name, setting, command and example."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_bedrock_rft
from airflow_provider_bedrock_rft import cli, grading

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> Any:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generate: Any) -> Mapping[str, str]:
    made: Mapping[str, str] = generate.pages()
    return made


def directives(page: str) -> set[str]:
    return {target.rpartition(".")[2] for target in re.findall(r"\.\. auto\w+:: (\S+)", page)}


def test_every_public_name_is_described(pages: Mapping[str, str]) -> None:
    assert directives(pages["generated/api"]) == set(airflow_provider_bedrock_rft.HOMES)
    assert directives(pages["generated/grading"]) == set(grading.HOMES)


def test_every_command_says_its_help(pages: Mapping[str, str]) -> None:
    for group in cli.GROUPS:
        assert f"\nusage: bedrock-rft {group}" in pages["generated/commands"]
    assert "usage: bedrock-rft dataset from-invocation-logs" in pages["generated/commands"]


def test_every_example_stands_there_with_its_question_and_source(pages: Mapping[str, str]) -> None:
    for path in (DOCS.parent / "example_dags").glob("*.py"):
        page = pages[f"generated/examples/{path.stem}"]
        assert "?\n" in page
        assert page.count("with DAG(") == path.read_text().count("with DAG(") > 0
        assert f"examples/{path.stem}.md" in pages["generated/examples"]


def test_links_to_files_lead_to_their_pages(generate: Any, pages: Mapping[str, str]) -> None:
    for place in ("best_checkpoint.py", "graders/", ""):
        assert generate.example_page(place) in pages


def test_a_page_that_did_not_change_is_not_written_again(generate: Any, tmp_path: Path) -> None:
    generate.write_pages(tmp_path)
    stale = tmp_path / "generated" / "gone.md"
    stale.write_text("")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md") if path != stale}
    generate.write_pages(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == before
    assert set(generate.PAGES) <= {str(path.relative_to(tmp_path).with_suffix("")) for path in before}
