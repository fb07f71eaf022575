"""Kinds of values that a file's format may be learned to consist of, down to objects inside objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import JSON

_EXACT_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.@$ -]{1,64}")
_MAX_KEYS = 24
_MAX_DEPTH = 4
_QUOTES = 2
"""Of a key, or of a text."""


@dataclass(frozen=True, slots=True)
class TextField:
    """A text."""

    kind: object = str


@dataclass(frozen=True, slots=True)
class PlainField:
    """A boolean, null, or a number."""

    kind: object


@dataclass(frozen=True, slots=True)
class TextsField:
    """A list of texts."""

    kind: object = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectField:
    """An object with the same keys each time.

    Attributes:
        kind: What it is decoded as.
        members: Its keys in sorted order, so that encoding it is canonical.
        attributes: Key → name of the decoded attribute.
        has_fractions: A number somewhere inside may have a fraction.
    """

    kind: object
    members: Mapping[str, Field]
    attributes: Mapping[str, str]
    has_fractions: bool

    def struct_with(self, key: str, kind: object) -> type[msgspec.Struct]:
        """The type of such an object with one key more."""
        return _struct_of({**self.members, key: PlainField(kind)})

    def quotes_in(self, values: Sequence[object]) -> int:
        """Quotes that open or close a key or a text inside ``values``."""
        total = _QUOTES * len(self.members) * len(values)
        for key, member in self.members.items():
            if isinstance(member, TextField):
                total += _QUOTES * len(values)
            elif not isinstance(member, PlainField):
                name = self.attributes[key]
                inner = [getattr(value, name) for value in values]
                is_list = isinstance(member, TextsField)
                total += _QUOTES * sum(map(len, inner)) if is_list else _inner_quotes(member, inner)
        return total

    def leaves(self, value: object) -> Iterator[object]:
        """The texts, numbers and so on inside; of a list only that there is one."""
        for key, member in self.members.items():
            inner: object = getattr(value, self.attributes[key])
            if isinstance(member, ObjectField):
                yield from member.leaves(inner)
            elif isinstance(member, TextsField):
                yield bool(inner) or ""
            else:
                yield "" if inner is None else inner


Field: TypeAlias = "TextField | PlainField | TextsField | ObjectField"


def _inner_quotes(member: Field, inner: Sequence[object]) -> int:
    return member.quotes_in(inner) if isinstance(member, ObjectField) else 0


def learn_object(values: Sequence[Mapping[str, JSON]], depth: int = 0) -> ObjectField | None:
    """What all of ``values`` are; ``None`` when their keys differ, or a value is of a kind that is not learned."""
    keys = sorted(values[0])
    if len(keys) > _MAX_KEYS or depth > _MAX_DEPTH or any(value.keys() != values[0].keys() for value in values):
        return None
    members: dict[str, Field] = {}
    for key in keys:
        member = _learn_field([value[key] for value in values], depth)
        if member is None or not _PLAIN_KEY.fullmatch(key):
            return None
        members[key] = member
    return ObjectField(
        kind=_struct_of(members),
        members=members,
        attributes=_attributes(members),
        has_fractions=any(
            member.has_fractions if isinstance(member, ObjectField) else member.kind == _NUMBER
            for member in members.values()
        ),
    )


_NUMBER = Union[_EXACT_INTEGER, float]  # noqa: UP007 - Python 3.10 cannot join an annotated type with |
_KIND_OF: Mapping[frozenset[type], Field] = {
    frozenset([str]): TextField(),
    frozenset([bool]): PlainField(bool),
    frozenset([int]): PlainField(_EXACT_INTEGER),
    frozenset([float]): PlainField(_NUMBER),
    frozenset([int, float]): PlainField(_NUMBER),
    frozenset([type(None)]): PlainField(None),
}


def _learn_field(values: Sequence[JSON], depth: int) -> Field | None:
    types = frozenset(map(type, values))
    if types == {dict}:
        return learn_object([value for value in values if isinstance(value, dict)], depth + 1)
    if types == {list}:
        items = [item for value in values if isinstance(value, list) for item in value]
        return TextsField() if all(isinstance(item, str) for item in items) else None
    return _KIND_OF.get(types)


def _attributes(members: Mapping[str, Field]) -> dict[str, str]:
    return {key: key if key in _NAMED else f"key_{number}" for number, key in enumerate(members)}


_NAMED = ("id", "messages", "reference_answer")


def _struct_of(members: Mapping[str, Field]) -> type[msgspec.Struct]:
    names = _attributes(members)
    return msgspec.defstruct(
        "Object",
        [(names[key], member.kind) for key, member in members.items()],
        rename={name: key for key, name in names.items()},
        forbid_unknown_fields=True,
        gc=False,
    )
