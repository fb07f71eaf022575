"""A request whose operation and parameters are known, and the declaration of who serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, StreamReply

Behaviour = Literal["documented", "observed", "inferred", "ours"]
Answer = Json | Reply | StreamReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one operation. ``params`` fit the operation's input shape; ``operation`` is botocore's model."""

    operation: Any
    params: Json
    account: str
    region: str
    principal: str
    id: str
    stale_seconds: float = 0.0

    @property
    def owner(self) -> str:
        """Whose resources the call is about."""
        return f"{self.account}/{self.region}"

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this owner."""
        return f"arn:aws:bedrock:{self.region}:{self.account}:{resource}"


Handler = Callable[[Call], Awaitable[Answer]]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Answer]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is known about how an operation behaves here. Its shapes are always the service model's own."""

    operation: str
    behaviour: Behaviour
    notes: str = ""


def serves(operation: str, behaviour: Behaviour, notes: str = "") -> Callable[[Method], Method]:
    """Declare that a method answers an operation."""

    def declare(method: Method) -> Method:
        method.__dict__["served"] = Served(operation=operation, behaviour=behaviour, notes=notes)
        return method

    return declare


def declared_in(kind: type) -> Iterator[tuple[str, Served]]:
    """The methods of a class that answer operations, in the order of their definition."""
    for name, member in vars(kind).items():
        if (served := getattr(member, "served", None)) is not None:
            yield name, served


def handlers(rooms: Iterable[object]) -> Mapping[str, Handler]:
    """Who answers which operation."""
    return {served.operation: getattr(room, name) for room in rooms for name, served in declared_in(type(room))}
