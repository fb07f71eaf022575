"""Check a request against the service's own model, before it is sent.

botocore itself checks types, required members and minima, but neither maxima nor enumerations nor patterns.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def violations(shape: Any, value: object, place: str = "") -> Iterator[str]:  # noqa: ANN401 - botocore's type
    """One sentence per member of ``value`` that the service would refuse, with its path and the limit."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members:
                yield from violations(shape.members[name], member, f"{place}.{name}".lstrip("."))
    elif shape.type_name == "list" and isinstance(value, (list, tuple)):
        yield from _out_of_range(shape.metadata, len(value), place, "entries")
        for index, member in enumerate(value):
            yield from violations(shape.member, member, f"{place}[{index}]")
    elif shape.type_name == "string":
        yield from _bad_string(shape, str(value), place)
    elif isinstance(value, (int, float)):
        yield from _out_of_range(shape.metadata, value, place, "")


def _bad_string(shape: Any, value: str, place: str) -> Iterator[str]:  # noqa: ANN401 - botocore's type
    yield from _out_of_range(shape.metadata, len(value), place, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{place} is {value!r}, which is none of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{place} is {value!r}, which does not match {pattern}"


def _out_of_range(limits: Mapping[str, Any], number: float, place: str, unit: str) -> Iterator[str]:
    low, high = limits.get("min"), limits.get("max")
    said = f"{place} is {number:g} {unit}".rstrip() if not unit else f"{place} has {number:g} {unit}"
    if low is not None and number < low:
        yield f"{said}, the least is {low}"
    if high is not None and number > high:
        yield f"{said}, the most is {high}"
