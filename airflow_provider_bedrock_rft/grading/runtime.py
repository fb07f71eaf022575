"""What of this distribution travels in a grader's package: the modules it imports, and theirs, as they are."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files as resources_of
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.grading import HOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DISTRIBUTION = "airflow_provider_bedrock_rft"
DOOR = f"{DISTRIBUTION}.grading"
ROOMS = (DOOR, f"{DISTRIBUTION}.core.grader", f"{DISTRIBUTION}.core.errors")
"""Where modules that may travel live."""

_LIBRARY = f"{DISTRIBUTION}.core.grader.library"
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    f"{_LIBRARY}.maths": ("math-verify[antlr4_13_2]",),
    f"{_LIBRARY}.schema": ("jsonschema",),
    f"{_LIBRARY}.similarity": ("rapidfuzz",),
    f"{_LIBRARY}.sql": ("sqlglot",),
}
"""Module → the packages it stands on, which are not in Lambda's runtime."""

COMPANIONS: Mapping[str, tuple[str, ...]] = {f"{DOOR}.execution": (f"{DOOR}.cell",)}
"""Module → modules that it starts as a process, which no import shows."""

_STUB = '"""The part of airflow-provider-bedrock-rft that travels with a grader."""\n'


def imports_of(tree: ast.Module) -> Iterator[str]:
    """The absolute names a module imports at run time, anywhere in it; those behind ``TYPE_CHECKING`` are not."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def runtime_files(imported: Iterable[str]) -> dict[str, bytes]:
    """Archive path → content of the modules behind ``imported`` names; other distributions' names are passed over.

    Raises:
        InvalidGrader: A name belongs to a part of this distribution that does not travel.
    """
    files: dict[str, bytes] = {}
    waiting, seen = [name for name in imported if _is_ours(name)], set[str]()
    while waiting:
        module = _module_of(waiting.pop())
        if module in seen:
            continue
        seen.add(module)
        path, content, needs = _read(module)
        files[path] = content
        waiting += needs
    return files


def runtime_requirements(shipped: Iterable[str]) -> list[str]:
    """The packages that the shipped modules stand on."""
    modules = {path.removesuffix(".py").replace("/", ".") for path in shipped}
    return [name for module, names in REQUIREMENTS.items() if module in modules for name in names]


def _is_ours(name: str) -> bool:
    return name == DISTRIBUTION or name.startswith(f"{DISTRIBUTION}.")


def _module_of(name: str) -> str:
    door, _, public = name.rpartition(".")
    if door == DOOR and public in HOMES:
        return f"{DISTRIBUTION}.{HOMES[public]}"
    return name if _find(name) is not None else name.rpartition(".")[0]


@cache
def _find(module: str) -> str | None:
    """The archive path of one of our modules, ``None`` when there is none of that name."""
    stem = module.replace(".", "/")
    for path in (f"{stem}.py", f"{stem}/__init__.py"):
        if resources_of(DISTRIBUTION).joinpath(path.partition("/")[2]).is_file():
            return path
    return None


@cache
def _read(module: str) -> tuple[str, bytes, tuple[str, ...]]:
    """Archive path, content, and our modules that this one needs, its packages among them."""
    path = _find(module)
    if path is None or not (module.startswith(ROOMS) or any(room.startswith(f"{module}.") for room in ROOMS)):
        raise InvalidGrader(
            f"A grader cannot import {module}: it does not exist in the Lambda.",
            action=f"Import from {DOOR}, which travels with the grader.",
        )
    parents: tuple[str, ...] = (module.rpartition(".")[0],) if "." in module else ()
    if module == DISTRIBUTION:
        return path, _STUB.encode(), ()
    content = resources_of(DISTRIBUTION).joinpath(path.partition("/")[2]).read_bytes()
    parents += COMPANIONS.get(module, ())
    return path, content, (*(name for name in imports_of(ast.parse(content)) if _is_ours(name)), *parents)
