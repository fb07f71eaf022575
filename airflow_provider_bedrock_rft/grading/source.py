"""From a grader's file to what goes into its package: its siblings, and what it uses of this distribution.

Nothing of the grader is imported or run here; its files are read and parsed.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.binding import ARGUMENTS
from airflow_provider_bedrock_rft.core.grader.package import ENTRY_MODULE, PYTHON_VERSION, GraderSource
from airflow_provider_bedrock_rft.grading.extraction import TASK_DECORATOR, dag_graders, extract
from airflow_provider_bedrock_rft.grading.runtime import DISTRIBUTION, imports_of, runtime_files, runtime_requirements
from airflow_provider_bedrock_rft.grading.wheels import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HANDLER_PARAMETERS = ("event", "context")
_ENTRY = """from {root}.grading.handler import handler_for

from {module} import {function}

lambda_handler = handler_for({function})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Callable:
    name: str
    is_handler: bool
    is_decorated: bool
    takes_completion: bool


def read_source(
    spec: str,
    *,
    requirements: Sequence[str] = (),
    python_version: str = PYTHON_VERSION,
    layered: Sequence[str] = (),
) -> GraderSource:
    """The source of ``PATH[:NAME]``: a Python file or a package folder, and the function in it.

    Without ``NAME``: the one function decorated with ``rft_grader``, else ``lambda_handler``, else the one function
    that takes a ``completion``. A function of ``(event, context)`` is deployed as it is; one that ``@task.rft_grader``
    decorates leaves its DAG's file behind, but for what it needs of it. ``requirements`` may be given
    without a version: the installed one is taken, so that the Lambda runs what was tried here. ``layered`` are those
    that a layer provides, with all that they require.

    Raises:
        InvalidGrader: The file cannot be read or parsed, or the function is not there or not clear.
    """
    path, name = split_spec(spec)
    own, module, name = _from_dag_file(path, name) or (*_own_files(path), name)
    code = own[f"{module}/__init__.py" if f"{module}/__init__.py" in own else f"{module}.py"]
    function = _choose(list(_callables_of(_parse(code, path))), name, spec)
    trees = [_parse(content, Path(file)) for file, content in own.items() if file.endswith(".py")]
    used = {imported for tree in trees for imported in imports_of(tree)}
    files, handler = dict(own), f"{module}.{function.name}"
    if not function.is_handler:
        entry = _ENTRY.format(root=DISTRIBUTION, module=module, function=function.name)
        files[f"{ENTRY_MODULE}.py"] = entry.encode()
        used.add(f"{DISTRIBUTION}.grading.handler")
        handler = f"{ENTRY_MODULE}.lambda_handler"
    shipped = runtime_files(used)
    pins, of_layer = pinned([*requirements, *runtime_requirements(shipped), *layered]), pinned(layered)
    return GraderSource(
        origin=f"{path.name}:{function.name}",
        files={**files, **shipped},
        handler=handler,
        requirements=pins,
        python_version=python_version,
        layered=tuple(pin for pin in pins if pin in of_layer),
    )


def split_spec(spec: str) -> tuple[Path, str]:
    """The path and the name (empty without one) of ``PATH[:NAME]``."""
    path, separator, name = spec.rpartition(":")
    if separator and name.isidentifier():
        return Path(path), name
    return Path(spec), ""


def _from_dag_file(path: Path, name: str) -> tuple[Mapping[str, bytes], str, str] | None:
    """Files, module and function of a grader in a DAG's file; ``None`` where it has none, or none of that name."""
    try:
        content = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise InvalidGrader(f"The grader {path} cannot be read: {error.strerror}.") from None
    if TASK_DECORATOR.encode() not in content:
        return None
    tree = _parse(content, path)
    found = [function for function in dag_graders(tree) if function.name == name or not name]
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(function.name for function in found)
        raise InvalidGrader(f"{path} holds several graders: {names}.", action="Name one: PATH.py:NAME.")
    function = found[0]
    module = f"{function.name}_of_dag"
    extracted = extract(tree, function, place=f"{path}, line {function.lineno}")
    files = _with_siblings(path.with_name(f"{module}.py"), extracted)
    return dict(files), module, function.name


def _own_files(path: Path) -> tuple[Mapping[str, bytes], str]:
    module = path.name if path.is_dir() else path.stem
    if not module.isidentifier():
        raise InvalidGrader(f"{path}: {module!r} is no module name.", action="Use letters, digits and underscores.")
    try:
        if path.is_dir():
            files = {str(Path(module, file.relative_to(path))): file.read_bytes() for file in _files_below(path)}
            if f"{module}/__init__.py" not in files:
                raise InvalidGrader(
                    f"{path} has no __init__.py.", action="Name the file inside it that holds the grader."
                )
            return files, module
        return dict(_with_siblings(path)), module
    except OSError as error:
        raise InvalidGrader(f"The grader {path} cannot be read: {error.strerror}.") from None


def _files_below(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)


def _with_siblings(path: Path, extracted: bytes | None = None) -> Iterator[tuple[str, bytes]]:
    """The file (or what was extracted as one) and, again and again, the modules beside it that it imports."""
    folder, waiting, seen = path.parent, [path], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        content = extracted if extracted is not None and file == path else file.read_bytes()
        yield str(file.relative_to(folder)), content
        if file.suffix == ".py":
            for name in imports_of(_parse(content, file)):
                waiting.extend(_siblings_named(folder, name.partition(".")[0]))


def _siblings_named(folder: Path, name: str) -> Iterator[Path]:
    if (module := folder / f"{name}.py").is_file():
        yield module
    elif (folder / name / "__init__.py").is_file() and name != DISTRIBUTION:
        yield from _files_below(folder / name)


def _parse(content: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise InvalidGrader(f"{path}{place} is not Python: {error.args[0]}.") from None


def _callables_of(tree: ast.Module) -> Iterator[_Callable]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = tuple(argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
            decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            yield _Callable(
                name=node.name,
                is_handler=tuple(name.lstrip("_") for name in names[:2]) == _HANDLER_PARAMETERS,
                is_decorated=bool(re.search(r"\brft_grader\b", decorators)),
                takes_completion=bool({"completion", "sample"} & set(names)) and not node.name.startswith("_"),
            )
        elif isinstance(node, ast.Assign | ast.ImportFrom):
            for name in _bound_names(node):
                is_handler = name in {"lambda_handler", "handler"}
                yield _Callable(name=name, is_handler=is_handler, is_decorated=False, takes_completion=False)


def _bound_names(node: ast.Assign | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _choose(callables: Sequence[_Callable], name: str, spec: str) -> _Callable:
    if name:
        if chosen := next((candidate for candidate in callables if candidate.name == name), None):
            return chosen
        known = ", ".join(candidate.name for candidate in callables if not candidate.name.startswith("_")) or "none"
        raise InvalidGrader(f"{spec}: there is no function {name!r} at the top level; there are: {known}.")
    decorated = [candidate for candidate in callables if candidate.is_decorated]
    handlers = [candidate for candidate in callables if candidate.is_handler]
    plain = [candidate for candidate in callables if candidate.takes_completion]
    for candidates in (decorated, handlers, plain):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(candidate.name for candidate in candidates)
            raise InvalidGrader(f"{spec} holds several graders: {names}.", action="Name one: PATH.py:NAME.")
    raise InvalidGrader(
        f"{spec} holds no grader.",
        action=f"Write a function whose parameters are among {', '.join(ARGUMENTS)}, or name it: PATH.py:NAME.",
    )
