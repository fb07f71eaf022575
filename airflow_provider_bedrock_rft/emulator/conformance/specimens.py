"""Values made from shapes: well-formed ones, and ones that break exactly one constraint."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.modelled.constraints import Shape, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCOUNT = "arn:aws:bedrock:us-west-2:123456789012"
_MODEL = "amazon.nova-2-lite-v1:0"
_STRINGS = (
    "text",
    "specimen-1",
    "a",
    _MODEL,
    "amazon.nova-2-lite-v1",
    f"{_ACCOUNT}:custom-model/{_MODEL}/abcdefghijkl",
    f"{_ACCOUNT}:model-customization-job/{_MODEL}/abcdefghijkl",
    f"{_ACCOUNT}:custom-model-deployment/abcdefghijkl",
    f"{_ACCOUNT}:provisioned-model/abcdefghijkl",
    f"{_ACCOUNT}:evaluation-job/abcdefghijkl",
    f"arn:aws:bedrock:us-west-2::foundation-model/{_MODEL}",
    "arn:aws:iam::123456789012:role/specimen",
    "arn:aws:lambda:us-west-2:123456789012:function:specimen",
    "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-0000-0000-000000000000",
    "arn:aws:sagemaker:us-west-2:123456789012:model-package/specimen/1",
    "arn:aws:sagemaker:us-west-2:123456789012:flow-definition/specimen",
    "s3://specimens/key",
    "subnet-1",
    "sg-1",
    "1",
    "DRAFT",
    "application/json",
    "123456789012",
    "a" * 40,
)
_OPAQUE = {"nextToken"}
_PREFERRED = {"REINFORCEMENT_FINE_TUNING"}
_PREFERRED_MEMBERS = {"automated", "models", "precomputedInferenceSource"}
_MAX_DEPTH = 8
_MUCH = 5_000


class NoSpecimen(Exception):
    """No string at hand fits a shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Parameters with one constraint violated; ``what`` names the place and the constraint."""

    what: str
    params: Any


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values; ``known`` are strings that mean something to whoever is examined, tried before all others."""

    known: tuple[str, ...] = ()

    def well_formed(self, shape: Shape, *, full: bool, depth: int = 0) -> Any:  # noqa: ANN401 -- any JSON
        """A value that fits ``shape``: with all members, or only with those that are required.

        Raises:
            NoSpecimen: a pattern that no string at hand fits.
        """
        kind = "document" if getattr(shape, "is_document_type", False) else shape.type_name
        if kind == "structure":
            return self._structure(shape, full=full, depth=depth)
        if kind == "list":
            item = self.well_formed(shape.member, full=full, depth=depth + 1)
            return [item] * max(1, shape.metadata.get("min", 1))
        if kind == "map":
            key = self.well_formed(shape.key, full=full, depth=depth + 1)
            return {key: self.well_formed(shape.value, full=full, depth=depth + 1)}
        return self._string(shape) if kind == "string" else _scalar(shape, kind)

    def _structure(self, shape: Shape, *, full: bool, depth: int) -> dict[str, object]:
        names = list(shape.members) if full and depth < _MAX_DEPTH else list(shape.required_members)
        if getattr(shape, "is_tagged_union", False):
            names = [name for name in shape.members if name in _PREFERRED_MEMBERS] or list(shape.members)[-1:]
        return {
            name: self.well_formed(shape.members[name], full=full, depth=depth + 1)
            for name in names
            if name not in _OPAQUE
        }

    def _string(self, shape: Shape) -> str:
        if shape.enum:
            return next((word for word in shape.enum if word in _PREFERRED), str(shape.enum[-1]))
        for text in (*self.known, *_STRINGS):
            if not any(violations(shape, text)):
                return text
        raise NoSpecimen(f"{shape.name}: {shape.metadata}")


def broken(shape: Shape, value: Any) -> Iterator[Broken]:  # noqa: ANN401 -- any JSON
    """``value`` with each constraint of ``shape`` and of what it holds violated in turn."""
    for path, member, item in _places(shape, value, ()):
        in_path = member.serialization.get("location") == "uri"
        for name, wrong in _wrong(member, item):
            if not in_path or wrong != "":
                yield Broken(what=f"{'.'.join(map(str, path))}: {name}", params=_with(value, path, wrong))
    for name in shape.required_members:
        if shape.members[name].serialization.get("location") != "uri":
            yield Broken(what=f"{name}: missing", params={key: item for key, item in value.items() if key != name})


def _scalar(shape: Shape, kind: str) -> object:
    match kind:
        case "boolean":
            return True
        case "integer" | "long":
            return max(1, shape.metadata.get("min", 1))
        case "float" | "double":
            return float(shape.metadata.get("min", 0.5))
        case "timestamp":
            return datetime(2026, 11, 20, tzinfo=timezone.utc)
        case "blob":
            return b"{}"
        case _:
            return {}


def _places(shape: Shape, value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, Shape, Any]]:  # noqa: ANN401
    """Every place inside ``value`` with its shape, but for the top itself."""
    if path:
        yield path, shape, value
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        for name, item in value.items():
            yield from _places(shape.members[name], item, (*path, name))
    elif shape.type_name == "list" and value:
        yield from _places(shape.member, value[0], (*path, 0))


def _wrong(shape: Shape, value: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 -- any JSON
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string":
            yield from _wrong_strings(shape, low, high)
        case "integer" | "long" | "float" | "double":
            if low is not None:
                yield "below its minimum", low - 1
            if high is not None:
                yield "above its maximum", high + 1
        case "list":
            if high is not None and high < _MUCH:
                yield "too many", list(value) * (high + 1)
            if low:
                yield "too few", []


def _wrong_strings(shape: Shape, low: int | None, high: int | None) -> Iterator[tuple[str, object]]:
    if low:
        yield "too short", "a" * (low - 1)
    if high is not None and high < _MUCH:
        yield "too long", "a" * (high + 1)
    if shape.enum:
        yield "no such value", "no-such-value"
    elif any(violations(shape, "\u00a7!")) and shape.metadata.get("pattern"):
        yield "outside its pattern", "\u00a7!"


def _with(value: Any, path: tuple[str | int, ...], item: object) -> Any:  # noqa: ANN401 -- any JSON
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = item
    return changed
