"""Resources of one kind: found by ARN, by id or by name; each name is taken once per owner."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.errors import not_found
from airflow_provider_bedrock_rft.emulator.exchange import Json, encode
from airflow_provider_bedrock_rft.emulator.store import Change, Drop, Put, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RESOURCES = 100_000
_ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """The last part of an ARN."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents of one kind. ``arn_field`` and ``name_field`` are their members; ``what`` is said in errors."""

    store: Store
    kind: str
    what: str
    arn_field: str
    name_field: str

    def add(self, owner: str, document: Json, *, label: str = "") -> tuple[Change, ...]:
        """The writes that store a new document and take its name."""
        arn, name = str(document[self.arn_field]), str(document[self.name_field])
        names = (
            Put(kind=self._index, owner=owner, id=key, body=arn.encode()) for key in (name, arn.rpartition("/")[2])
        )
        return (self.update(owner, document, label=label), *names)

    def update(self, owner: str, document: Json, *, label: str = "") -> Change:
        """The write that stores a document anew."""
        arn = str(document[self.arn_field])
        return Put(kind=self.kind, owner=owner, id=arn, body=encode(document), label=label)

    def remove(self, owner: str, document: Json) -> tuple[Change, ...]:
        """The writes that take a document and its name away."""
        arn = str(document[self.arn_field])
        keys = (str(document[self.name_field]), arn.rpartition("/")[2])
        return (
            Drop(kind=self.kind, owner=owner, id=arn),
            *(Drop(kind=self._index, owner=owner, id=key) for key in keys),
        )

    def rename(self, owner: str, old: str, document: Json) -> tuple[Change, ...]:
        """The writes that store a document under another name."""
        return (Drop(kind=self._index, owner=owner, id=old), *self.add(owner, document))

    def find(self, owner: str, identifier: str) -> Json | None:
        """The document with this ARN, id or name."""
        body = self.store.get(self.kind, owner, identifier)
        if body is None and (arn := self.store.get(self._index, owner, identifier)) is not None:
            body = self.store.get(self.kind, owner, arn.decode())
        return None if body is None else json.loads(body)

    def known(self, owner: str, identifier: str) -> Json:
        """The document with this ARN, id or name.

        Raises:
            BedrockError: there is none.
        """
        document = self.find(owner, identifier)
        if document is None:
            raise not_found(self.what, identifier)
        return document

    def has_name(self, owner: str, name: str) -> bool:
        """True when the name is taken."""
        return self.store.get(self._index, owner, name) is not None

    def all(self, owner: str) -> list[Json]:
        """Every document of an owner, newest first."""
        page = self.store.page(self.kind, owner, after=None, limit=MAX_RESOURCES)
        return [json.loads(body) for body in page.bodies]

    def labelled(self, label: str) -> Iterator[Json]:
        """Documents of all owners with this label."""
        return (json.loads(body) for body in self.store.labelled(self.kind, label))

    @property
    def _index(self) -> str:
        return f"{self.kind}-name"
