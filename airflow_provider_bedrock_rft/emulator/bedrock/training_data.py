"""A job's training data: JSON lines as they are, or prompts from invocation logs; too long ones are dropped."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.exchange import Json, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_TOKEN = re.compile(r"[^\W_]{1,6}|[^\w\s]|_")


def within_length(lines: bytes, max_tokens: int | None) -> bytes:
    """The lines whose prompt has at most ``max_tokens``; lines that cannot be read stay, for validation to find."""
    if max_tokens is None:
        return lines
    return b"\n".join(line for line in lines.splitlines() if _length(line) <= max_tokens)


def records_in_logs(objects: Iterable[bytes], filters: Json | None, *, with_responses: bool) -> bytes:
    """JSON lines with the prompts of those logged invocations that the filters let through.

    ``with_responses`` makes the logged response the reference answer.
    """
    wanted = _predicate(filters or {})
    records = (
        _record(entry, with_responses=with_responses)
        for body in objects
        for entry in _entries(body)
        if wanted(entry.get("requestMetadata") or {})
    )
    return b"\n".join(encode(record) for record in records if record is not None)


def _length(line: bytes) -> int:
    try:
        messages = json.loads(line)["messages"]
        return sum(1 for message in messages for _ in _TOKEN.finditer(text_of(message["content"])))
    except (ValueError, KeyError, TypeError):
        return 0


def text_of(content: object) -> str:
    """The text of a message's content, in any of the wire formats."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def _entries(body: bytes) -> Iterator[Json]:
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    for line in plain.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def _record(entry: Json, *, with_responses: bool) -> Json | None:
    body = (entry.get("input") or {}).get("inputBodyJson") or {}
    standing = text_of(body.get("system"))
    messages = [{"role": "system", "content": standing}] if standing else []
    messages += [
        {"role": message.get("role", "user"), "content": text_of(message.get("content"))}
        for message in body.get("messages") or ()
    ]
    if not any(message["role"] == "user" and message["content"].strip() for message in messages):
        return None
    record: Json = {"id": entry.get("requestId") or None, "messages": messages}
    response = _response((entry.get("output") or {}).get("outputBodyJson") or {}) if with_responses else ""
    return {**record, "reference_answer": response} if response else record


def _response(body: Json) -> str:
    if "choices" in body:
        return text_of((body["choices"][0].get("message") or {}).get("content"))
    return text_of(((body.get("output") or {}).get("message") or {}).get("content"))


def _predicate(filters: Json) -> Callable[[Mapping[str, Any]], bool]:
    """A union of ``equals``, ``notEquals``, ``andAll`` and ``orAll`` as one function; without any, all pass."""
    match next(iter(filters.items()), None):
        case ("equals", pairs):
            return lambda metadata: all(metadata.get(key) == value for key, value in pairs.items())
        case ("notEquals", pairs):
            return lambda metadata: all(metadata.get(key) != value for key, value in pairs.items())
        case ("andAll", parts):
            return lambda metadata: all(_predicate(part)(metadata) for part in parts)
        case ("orAll", parts):
            return lambda metadata: any(_predicate(part)(metadata) for part in parts)
        case _:
            return lambda _: True
