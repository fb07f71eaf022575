"""``/v1/models``: the bases and what jobs made of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request, reply
from airflow_provider_bedrock_rft.emulator.mantle.errors import MantleError, unknown_model
from airflow_provider_bedrock_rft.emulator.store import Drop, DropBlob, Put, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = "model"
MAX_TUNED = 10_000
TRAINABLE = frozenset({"openai.gpt-oss-20b", "qwen.qwen3-32b"})
BASES = ("openai.gpt-oss-120b", "openai.gpt-oss-20b", "qwen.qwen3-32b")
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "openai.gpt-oss-20b-1:0": "openai.gpt-oss-20b",
        "openai.gpt-oss-120b-1:0": "openai.gpt-oss-120b",
        "qwen.qwen3-32b-v1:0": "qwen.qwen3-32b",
    }
)
_BASES_CREATED_AT = 1_771_286_400
_MAX_CACHED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A checkpoint that can be called. Its id says nothing."""

    id: str
    base: str
    job_id: str
    step: int
    created_at: int
    weights: str

    def to_put(self, owner: str) -> Put:
        """The write that stores it."""
        return Put(kind=KIND, owner=owner, id=self.id, body=msgspec.json.encode(self), once=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What answers for a model id: ``weights`` None is the shipped base."""

    model: str
    base: str
    weights: bytes | None


def base_of(model: str) -> str | None:
    """The Mantle id of a base model, whichever of its ids is given."""
    name = _ALIASES.get(model, model)
    return name if name in BASES else None


class Models:
    """All models an owner can call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policies: dict[tuple[str, str], Policy] = {}

    async def route(self, request: Request, segments: list[str]) -> Reply | None:
        """Answer a request below ``/v1/models``; None where there is no such operation."""
        match request.method, segments:
            case "GET", []:
                return self._list(request)
            case "GET", [model]:
                return reply(self._describe(request, model))
            case "DELETE", [model]:
                return await self._delete(request, model)
            case _:
                return None

    def policy(self, owner: str, model: str) -> Policy:
        """What answers for ``model``.

        Raises:
            MantleError: nothing does.
        """
        if base := base_of(model):
            return Policy(model=model, base=base, weights=None)
        if known := self._policies.get((owner, model)):
            return known
        tuned = self._tuned(owner, model)
        weights = None if tuned is None else self._store.blob(tuned.weights)
        if tuned is None or weights is None:
            raise unknown_model(model)
        policy = Policy(model=model, base=tuned.base, weights=weights)
        self._policies[(owner, model)] = policy
        if len(self._policies) > _MAX_CACHED:
            del self._policies[next(iter(self._policies))]
        return policy

    def _list(self, request: Request) -> Reply:
        page = self._store.page(KIND, request.owner, after=None, limit=MAX_TUNED)
        tuned = [_to_wire(msgspec.json.decode(body, type=TunedModel)) for body in page.bodies]
        return reply({"object": "list", "data": [*map(_base_to_wire, BASES), *tuned], "has_more": page.has_more})

    def _describe(self, request: Request, model: str) -> Json:
        if base := base_of(model):
            return _base_to_wire(base)
        tuned = self._tuned(request.owner, model)
        if tuned is None:
            raise unknown_model(model)
        return _to_wire(tuned)

    async def _delete(self, request: Request, model: str) -> Reply:
        if base_of(model):
            raise MantleError("Base models cannot be deleted", status=403, code="permission_denied", param="model")
        tuned = self._tuned(request.owner, model)
        if tuned is None:
            raise unknown_model(model)
        self._policies.pop((request.owner, model), None)
        await self._store.commit(Drop(kind=KIND, owner=request.owner, id=model), DropBlob(name=tuned.weights))
        return reply({"id": model, "object": "model", "deleted": True})

    def _tuned(self, owner: str, model: str) -> TunedModel | None:
        body = self._store.get(KIND, owner, model)
        return None if body is None else msgspec.json.decode(body, type=TunedModel)


def _base_to_wire(base: str) -> Json:
    return _wire(base, _BASES_CREATED_AT, "local-sim")


def _to_wire(tuned: TunedModel) -> Json:
    return _wire(tuned.id, tuned.created_at, "local-sim")


def _wire(model: str, created: int, owned_by: str) -> Json:
    return {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": owned_by,
        "status": "active",
        "data_retention": {"mode": "default", "source": "account", "allowed_modes": ["default", "none"]},
    }
