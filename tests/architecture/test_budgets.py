"""The house's budgets: small by default, and held to it."""

from __future__ import annotations

import ast
import re
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Module

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
REPEAT_WINDOW = 8


def test_functions_are_small(modules: list[Module]) -> None:
    sizes = [function for module in modules for function in module.functions()]
    lines = sorted(size for _, size in sizes)
    assert [name for name, size in sizes if size > 50] == []
    assert median(lines) <= 8
    assert quantiles(lines, n=10)[8] <= 24


def test_modules_are_small(modules: list[Module]) -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in modules if module.code_lines}
    assert {name: n for name, n in lengths.items() if n > 350} == {}
    assert median(lengths.values()) <= 110


def test_no_module_has_a_name_that_says_nothing(modules: list[Module]) -> None:
    assert [module.name for module in modules if module.path.stem in FORBIDDEN_NAMES] == []


def test_untyped_dicts_stay_at_the_edge(modules: list[Module]) -> None:
    untyped = re.compile(r"dict\[str, Any\]|: dict\b(?!\[)|-> dict\b(?!\[)")
    found = {module.name: len(untyped.findall(module.text)) for module in modules if untyped.search(module.text)}
    inside = {
        name: n
        for name, n in found.items()
        if not name.startswith(("clients/", "emulator/")) and name != "core/codec.py"
    }
    assert inside == {}
    assert sum(found.values()) <= 2 * sum(len(module.code_lines) for module in modules) / 1000


def test_core_catches_nothing_broad_and_others_say_why(modules: list[Module]) -> None:
    broad = [
        f"{module.name}:{node.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node)
        and (module.name.startswith("core/") or not _has_reason(module, node))
    ]
    assert broad == []


def _is_broad(node: ast.ExceptHandler) -> bool:
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})


def _has_reason(module: Module, node: ast.ExceptHandler) -> bool:
    return "--" in module.text.splitlines()[node.lineno - 1].partition("#")[2]


def test_lines_are_not_repeated(modules: list[Module]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    repeated: dict[str, set[int]] = {}
    total = 0
    for module in modules:
        lines = module.text.splitlines()
        code = [n for n in sorted(module.code_lines) if not lines[n - 1].lstrip().startswith(("import ", "from "))]
        total += len(code)
        for start in range(len(code) - REPEAT_WINDOW + 1):
            numbers = code[start : start + REPEAT_WINDOW]
            window = tuple(lines[n - 1].strip() for n in numbers)
            if window in seen:
                repeated.setdefault(f"{module.name} ~ {seen[window]}", set()).update(numbers)
            seen.setdefault(window, module.name)
    assert sum(map(len, repeated.values())) <= 0.02 * total, {
        place: len(numbers) for place, numbers in repeated.items()
    }


def test_airflow_stays_a_thin_skin(modules: list[Module]) -> None:
    imports_airflow = re.compile(r"^\s*(?:from|import) airflow[. ]", re.MULTILINE)
    airflow = sum(len(module.code_lines) for module in modules if imports_airflow.search(module.text))
    assert airflow <= 0.25 * sum(len(module.code_lines) for module in modules)


def test_docstrings_and_comments_are_neither_missing_nor_in_the_way(modules: list[Module]) -> None:
    code = sum(len(module.code_lines) for module in modules)
    assert 0.15 <= sum(len(module.docstring_lines) for module in modules) / code <= 0.40
    assert sum(module.n_comments for module in modules) / code <= 0.06


def test_tests_use_the_real_thing(test_sources: list[Module]) -> None:
    mocks = re.compile(r"mock\.patch|MagicMock|monkeypatch\.setattr|AsyncMock|import mock|from unittest import mock")
    lines = sum(len(module.code_lines) for module in test_sources)
    used = {
        module.path.name: len(mocks.findall(module.text))
        for module in test_sources
        if module.path.name != "test_budgets.py"
    }
    assert sum(used.values()) <= lines / 1000, {name: n for name, n in used.items() if n}
