"""What a value violates of its shape in the service model: all constraints, not only those botocore's client checks."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Shape = Any  # botocore.model.Shape; botocore has no types
_SHOWN = 80
_NUMBERS = {"integer", "long", "float", "double"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "blob": (bytes,),
}


def violations(shape: Shape, value: object, path: str = "") -> Iterator[str]:
    """One sentence per violated constraint, in the words AWS services use."""
    if shape.type_name not in _TYPES or getattr(shape, "is_document_type", False):
        return
    if not _has_type(shape, value):
        yield f"Value at '{path}' failed to satisfy constraint: Member must be of type {shape.type_name}"
        return
    check = _CHECKS.get(shape.type_name)
    if check is not None:
        yield from check(shape, value, path)


def _has_type(shape: Shape, value: object) -> bool:
    if isinstance(value, bool) and shape.type_name != "boolean":
        return False
    return isinstance(value, _TYPES[shape.type_name])


def _structure(shape: Shape, value: Mapping[str, object], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_below(path, name)}' failed to satisfy constraint: Member must not be null"
    given = {name: item for name, item in value.items() if item is not None}
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        yield f"Value at '{path}' failed to satisfy constraint: Exactly one member of the union must be set"
    for name, item in given.items():
        if name not in shape.members:
            yield f"Value at '{_below(path, name)}' failed to satisfy constraint: Unknown member"
        else:
            yield from violations(shape.members[name], item, _below(path, name))


def _list(shape: Shape, value: Sequence[object], path: str) -> Iterator[str]:
    yield from _length(shape, len(value), f"Value at '{path}'")
    for number, item in enumerate(value, 1):
        yield from violations(shape.member, item, f"{path}.{number}.member")


def _map(shape: Shape, value: Mapping[str, object], path: str) -> Iterator[str]:
    yield from _length(shape, len(value), f"Value at '{path}'")
    for name, item in value.items():
        yield from violations(shape.key, name, f"{path}.key")
        yield from violations(shape.value, item, f"{path}.{name}.value")


def _string(shape: Shape, value: str, path: str) -> Iterator[str]:
    where = f"Value '{value[:_SHOWN]}' at '{path}'"
    yield from _length(shape, len(value), where)
    if shape.enum and value not in shape.enum:
        yield f"{where} failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and not compiled(pattern).search(value):
        yield f"{where} failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"


def _number(shape: Shape, value: float, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    where = f"Value '{value}' at '{path}' failed to satisfy constraint"
    if low is not None and value < low:
        yield f"{where}: Member must have value greater than or equal to {low}"
    if high is not None and value > high:
        yield f"{where}: Member must have value less than or equal to {high}"


def _length(shape: Shape, length: int, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and length < low:
        yield f"{where} failed to satisfy constraint: Member must have length greater than or equal to {low}"
    if high is not None and length > high:
        yield f"{where} failed to satisfy constraint: Member must have length less than or equal to {high}"


_CHECKS: Mapping[str, Callable[[Shape, Any, str], Iterator[str]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    **dict.fromkeys(_NUMBERS, _number),
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as services apply it: to the whole value. One that Python cannot read allows everything."""
    try:
        return re.compile(f"^(?:{pattern})$")
    except re.error:
        return re.compile("")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
