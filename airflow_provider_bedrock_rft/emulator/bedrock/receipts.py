"""Idempotency: the same token with the same request gives the same answer, and with another request is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.errors import conflict
from airflow_provider_bedrock_rft.emulator.exchange import Json, encode
from airflow_provider_bedrock_rft.emulator.store import Change, Put, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call

_KIND = "native-token"
_TOKEN = "clientRequestToken"  # noqa: S105 -- a field's name


class Receipts:
    """What was created under which token. Creations take turns, so that a name is never given twice."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def creation(self, call: Call) -> AsyncIterator[Json | None]:
        """Within, nothing else is created; gives the answer of an earlier call with the same token.

        Raises:
            BedrockError: that call asked for something else.
        """
        async with self._turn:
            yield self._earlier(call)

    def receipt(self, call: Call, answer: Json) -> tuple[Change, ...]:
        """The write that remembers an answer."""
        if _TOKEN not in call.params:
            return ()
        body = encode({"request": _fingerprint(call), "answer": answer})
        return (Put(kind=_KIND, owner=call.owner, id=_key(call), body=body),)

    def _earlier(self, call: Call) -> Json | None:
        body = self._store.get(_KIND, call.owner, _key(call)) if _TOKEN in call.params else None
        if body is None:
            return None
        receipt: Json = json.loads(body)
        if receipt["request"] != _fingerprint(call):
            raise conflict("The provided client request token was used with other parameters.")
        answer: Json = receipt["answer"]
        return answer


def _key(call: Call) -> str:
    return f"{call.operation.name}/{call.params[_TOKEN]}"


def _fingerprint(call: Call) -> str:
    return hashlib.sha256(json.dumps(call.params, sort_keys=True).encode()).hexdigest()
