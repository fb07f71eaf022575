"""README and docs lead where they say: every relative link resolves, headings included."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES_OF_DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in page.parts]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *PAGES_OF_DOCS]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
IN_CODE = re.compile(r"`[^`\n]*`")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)
    return set(plain)


def links(page: Path) -> list[str]:
    return LINK.findall(prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
        elif ROOT not in target.parents:
            broken.append(f"{link} leads out of the project")
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index) if link[0] != "#"}
    decisions = index.parent / "adr"  # have an index of their own
    linked |= {decisions / link for link in links(decisions / "index.md")}
    pages = {page for page in PAGES if (ROOT / "docs") in page.parents and page != index}
    assert {page.name for page in pages if page not in linked} == set()


def test_the_index_names_every_example() -> None:
    text = (ROOT / "docs" / "index.md").read_text()
    assert [path.name for path in (ROOT / "example_dags").glob("*.py") if path.name not in text] == []


def test_a_broken_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading: `here`\n[a](gone.md) [b](#a-heading-here)\n```\n[c](in-code.md)\n```\n")
    assert links(page) == ["gone.md", "#a-heading-here"]
    assert anchors(page) == {"a-heading-here"}
