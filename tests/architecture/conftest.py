"""The source tree, read once: every module with its code lines, functions, comments and docstrings counted."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_bedrock_rft"
_SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Module:
    """One file: its code lines are those that hold a token other than a comment or a docstring."""

    path: Path
    text: str
    tree: ast.Module
    code_lines: frozenset[int]
    docstring_lines: frozenset[int]
    n_comments: int

    @property
    def name(self) -> str:
        return str(self.path.relative_to(PACKAGE))

    def functions(self) -> list[tuple[str, int]]:
        """(name, code lines) of every function and method, nested ones within their parents too."""
        return [
            (
                f"{self.name}:{node.lineno} {node.name}",
                len([n for n in range(node.lineno, (node.end_lineno or 0) + 1) if n in self.code_lines]),
            )
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]


def read_module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        first = node.body[0] if isinstance(node, documented) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            docstrings.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    code: set[int] = set()
    comments = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        comments += token.type == tokenize.COMMENT and not token.string.startswith(("# noqa", "# type:"))
        if token.type not in _SKIPPED:
            code.update(range(token.start[0], token.end[0] + 1))
    return Module(path, text, tree, frozenset(code - docstrings), frozenset(docstrings), comments)


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return [read_module(path) for path in sorted(PACKAGE.rglob("*.py"))]


@pytest.fixture(scope="session")
def test_sources() -> list[Module]:
    return [read_module(path) for path in sorted((ROOT / "tests").rglob("*.py"))]
