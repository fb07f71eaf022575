"""A function out of a DAG file, with what it needs of that file and nothing else: the DAG itself cannot travel."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidGrader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TASK_DECORATOR = "task.rft_grader"
_STAYS_BEHIND = ("airflow",)
_KNOWN = frozenset({*dir(builtins), "__name__", "__file__", "__doc__", "__annotations__"})


def dag_graders(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions that ``@task.rft_grader`` decorates, wherever in the file they stand."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return [node for node in functions if any(map(_is_task_decorator, node.decorator_list))]


def extract(tree: ast.Module, function: ast.FunctionDef, *, place: str) -> bytes:
    """A module of ``function`` without its task decorator, and the statements of the file that it needs, in order.

    Raises:
        InvalidGrader: It needs Airflow, or a name that is not made at the top level of the file.
    """
    bare = ast.FunctionDef(**dict(ast.iter_fields(function)))
    bare.decorator_list = [one for one in function.decorator_list if not _is_task_decorator(one)]
    statements = [node for node in tree.body if node is not function and _is_kept(node)]
    makers = {name: node for node in statements for name in _made_by(node)}
    needed: dict[int, ast.stmt] = {}
    waiting: list[ast.AST] = [bare]
    while waiting:
        node = waiting.pop()
        for name in sorted(_free_names(node)):
            if maker := makers.get(name):
                _check_travels(maker, name, place)
                if id(maker) not in needed:
                    needed[id(maker)] = maker
                    waiting.append(maker)
            elif name not in _KNOWN and name != function.name:
                raise InvalidGrader(
                    f"{place}: the grader uses {name!r}, which is not made at the top level of the file.",
                    action="Make it there, or inside the function: the grader leaves the DAG behind.",
                )
    kept = [node for node in statements if id(node) in needed]
    module = ast.Module(body=[_FUTURE, *kept, bare], type_ignores=[])
    return f"{ast.unparse(ast.fix_missing_locations(module))}\n".encode()


_FUTURE = ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")], level=0)


def _is_task_decorator(node: ast.expr) -> bool:
    named = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(named) == TASK_DECORATOR


def _is_kept(node: ast.stmt) -> bool:
    """Statements that make names; those behind ``TYPE_CHECKING``, and ``with DAG(…)``, are the DAG's own."""
    makes = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)
    return isinstance(node, makes) and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _made_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    else:
        targets: Sequence[ast.AST] = node.targets if isinstance(node, ast.Assign) else [node]
        names = (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
        yield from (name.id for name in names if isinstance(name.ctx, ast.Store))


def _free_names(node: ast.AST) -> set[str]:
    """Names that are read somewhere in ``node`` and made nowhere in it; annotations do not count."""
    read, made = set[str](), set[str]()
    for part in _running_parts(node):
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else made).add(part.id)
        elif isinstance(part, ast.arg):
            made.add(part.arg)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            made.add(part.name)
        elif isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom) and part is not node:
            made.update(_made_by(part))
    return read - made


def _running_parts(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and all within it, but for annotations, which are text at run time here."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _running_parts(part)


def _check_travels(maker: ast.stmt, name: str, place: str) -> None:
    modules = [alias.name for alias in maker.names] if isinstance(maker, ast.Import) else []
    modules += [maker.module or ""] if isinstance(maker, ast.ImportFrom) else []
    if any(module.partition(".")[0] in _STAYS_BEHIND for module in modules):
        raise InvalidGrader(
            f"{place}: the grader uses {name!r} of Airflow, which does not exist in the Lambda.",
            action="Give it what it needs as arguments, environment variables or constants.",
        )
