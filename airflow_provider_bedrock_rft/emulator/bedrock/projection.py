"""Stored documents, which hold more than any one reply, cut to the shape of a reply."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def project(shape: Any, value: Any) -> Any:  # noqa: ANN401 -- botocore's shape, and JSON of any kind
    """The part of ``value`` that ``shape`` has, with seconds since the epoch turned into times."""
    if value is None or getattr(shape, "is_document_type", False):
        return value
    match shape.type_name:
        case "structure":
            return _members(shape, value)
        case "list":
            return [project(shape.member, item) for item in value]
        case "map":
            return {name: project(shape.value, item) for name, item in value.items()}
        case "timestamp":
            return datetime.fromtimestamp(value, tz=timezone.utc)
        case _:
            return value


def _members(shape: Any, value: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401 -- botocore's shape
    return {name: project(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None}
