"""Tags of every kind of resource."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import BedrockError, not_found
from airflow_provider_bedrock_rft.emulator.exchange import encode
from airflow_provider_bedrock_rft.emulator.store import Change, Put, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_KIND = "native-tags"
_MAX_TAGS = 200


def tagged(owner: str, arn: str, tags: Sequence[Mapping[str, str]] | None) -> tuple[Change, ...]:
    """The write that gives a new resource its tags."""
    named = {tag["key"]: tag["value"] for tag in tags or ()}
    return (Put(kind=_KIND, owner=owner, id=arn, body=encode(named)),) if named else ()


class Tags:
    """Tags of the resources on some shelves."""

    def __init__(self, store: Store, shelves: Sequence[Shelf]) -> None:
        self._store = store
        self._shelves = shelves

    @serves("ListTagsForResource", "documented")
    async def list(self, call: Call) -> Json:
        """A resource's tags."""
        return {"tags": [{"key": key, "value": value} for key, value in self._of(call).items()]}

    @serves("TagResource", "documented", "at most 200 tags per resource")
    async def add(self, call: Call) -> Json:
        """More tags, or other values."""
        tags = self._of(call) | {tag["key"]: tag["value"] for tag in call.params["tags"]}
        if len(tags) > _MAX_TAGS:
            raise BedrockError("TooManyTagsException", f"A resource can have at most {_MAX_TAGS} tags.")
        return await self._save(call, tags)

    @serves("UntagResource", "documented")
    async def remove(self, call: Call) -> Json:
        """Fewer tags."""
        gone = set(call.params["tagKeys"])
        return await self._save(call, {key: value for key, value in self._of(call).items() if key not in gone})

    def _of(self, call: Call) -> dict[str, str]:
        arn = call.params["resourceARN"]
        if not any(shelf.find(call.owner, arn) for shelf in self._shelves):
            raise not_found("resource", arn)
        body = self._store.get(_KIND, call.owner, arn)
        tags: dict[str, str] = {} if body is None else json.loads(body)
        return tags

    async def _save(self, call: Call, tags: dict[str, str]) -> Json:
        arn = call.params["resourceARN"]
        await self._store.commit(Put(kind=_KIND, owner=call.owner, id=arn, body=encode(tags)))
        return {}
