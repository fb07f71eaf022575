"""Versioned canonical JSON for whatever crosses a process, and content fingerprints.

A payload is a frozen dataclass registered with a *kind* and a *version*. Its wire form is its fields plus ``kind`` and
``version``. Fields that a newer writer added are ignored; a newer *version* is refused by name, so that a rolling
upgrade never misreads a payload.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from airflow_provider_bedrock_rft.core.errors import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_REGISTERED: dict[type, tuple[str, int]] = {}


def payload(kind: str, *, version: int = 1) -> Callable[[type[T]], type[T]]:
    """Register a frozen dataclass as a payload of ``kind``; it has no fields of the names ``kind`` and ``version``."""

    def register(cls: type[T]) -> type[T]:
        if clash := {"kind", "version"} & set(cls.__annotations__):
            raise TypeError(f"{cls.__name__}.{clash.pop()} would hide the payload's own.")
        _REGISTERED[cls] = (kind, version)
        return cls

    return register


def dump(value: object) -> dict[str, object]:
    """The JSON-serialisable form of a registered payload."""
    kind, version = _REGISTERED[type(value)]
    fields = cast("dict[str, object]", msgspec.to_builtins(value, str_keys=True, enc_hook=_plain))
    return {"kind": kind, "version": version, **fields}


def load(cls: type[T], data: object) -> T:
    """The payload of type ``cls`` in ``data``.

    Raises:
        InvalidPayload: ``data`` is of another kind, of a newer version, or misses a field.
    """
    kind, version = _REGISTERED[cls]
    fields = _fields_of(data, kind)
    written = fields.get("version")
    if not isinstance(written, int) or written > version:
        raise InvalidPayload(
            f"A {kind} payload of version {written!r} cannot be read; this installation knows version {version}.",
            action="Upgrade airflow-provider-bedrock-rft on this worker.",
        )
    try:
        return msgspec.convert({k: v for k, v in fields.items() if k not in {"kind", "version"}}, cls, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidPayload(f"A {kind} payload cannot be read: {error}.") from None


def _fields_of(data: object, kind: str) -> Mapping[str, object]:
    if not isinstance(data, dict) or data.get("kind") != kind:
        found = data.get("kind") if isinstance(data, dict) else type(data).__name__
        raise InvalidPayload(
            f"Expected a {kind} payload, found {found!r}.", action="Pass the output of the task that makes it."
        )
    return data


def canonical_json(value: object) -> bytes:
    """The one JSON text of ``value``: keys sorted, no white space, UTF-8."""
    return msgspec.json.encode(msgspec.to_builtins(value, str_keys=True, enc_hook=_plain), order="sorted")


def fingerprint(value: object) -> str:
    """SHA-256 of the canonical JSON, in hex: equal values have equal fingerprints, whoever computes them."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _plain(value: object) -> object:
    """The builtin behind a subclass of ``str`` such as an identifier."""
    if isinstance(value, str):
        return str.__str__(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form.")
