"""What tasks hand on: small payloads that XCom can carry."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")


def to_xcom(value: object) -> dict[str, object]:
    """The payload, with ``None`` for numbers that JSON has no words for (XCom refuses NaN)."""
    return {name: _plain(field) for name, field in dump(value).items()}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def payload_of(given: object, field: str, cls: type[T]) -> T:
    """The payload that a field of an operator was given.

    Raises:
        InvalidInput: It is missing, or of another kind.
    """
    if given is None:
        raise InvalidInput(f"{field} is missing.", action="Look at the task that makes it: it may have been skipped.")
    return load(cls, given)
