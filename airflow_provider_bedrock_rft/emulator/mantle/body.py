"""Reading JSON bodies and page parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, Request
from airflow_provider_bedrock_rft.emulator.mantle.errors import cannot_read, invalid_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.emulator.store import Page

T = TypeVar("T")
_WORDS = {str: "a string", int: "an integer", float: "a number", bool: "a boolean", list: "a list", dict: "an object"}


def read_object(request: Request) -> Json:
    """The body, which must be a JSON object."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise cannot_read(str(error)) from error
    if not isinstance(body, dict):
        raise cannot_read("expected an object")
    return body


def optional(body: Mapping[str, object], name: str, kind: type[T], *, path: str = "") -> T | None:
    """A field that may be absent or null, but not of another type."""
    value = body.get(name)
    if value is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise cannot_read(f"{path}{name} must be {_WORDS[kind]}", f"{path}{name}")
    return value


def required(body: Mapping[str, object], name: str, kind: type[T], *, path: str = "") -> T:
    """A field that must be there."""
    value = optional(body, name, kind, path=path)
    if value is None:
        raise cannot_read(f"missing field `{path}{name}`", f"{path}{name}")
    return value


def page_limit(request: Request, *, default: int, most: int) -> int:
    """The ``limit`` of a listing."""
    text = request.query.get("limit", "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid_value("limit", f"expected an integer between 1 and {most}")
    return int(text)


def page_reply(page: Page) -> Reply:
    """A page of documents that are JSON already."""
    more = b"true" if page.has_more else b"false"
    return Reply(body=b'{"object":"list","data":[' + b",".join(page.bodies) + b'],"has_more":' + more + b"}")
