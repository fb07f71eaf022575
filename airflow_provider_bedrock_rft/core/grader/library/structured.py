"""Graders of JSON and of tool calls. Standard library only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.library.answers import normalise
from airflow_provider_bedrock_rft.core.grader.library.numbers import parse_number, same_number
from airflow_provider_bedrock_rft.core.grader.reward import Reward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_CHARACTERS = 50_000
MAX_OPENINGS = 200
"""Bounds on the search for JSON in a hostile completion."""

_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
_ARGUMENT_KEYS = ("arguments", "parameters", "tool_parameters", "input", "args")
_NAME_KEYS = ("name", "tool_called", "tool", "function")


def json_valid(completion: str) -> float:
    """1 when the completion holds exactly one JSON object or array, with or without text and fences around it."""
    return float(only_json(completion) is not None)


def only_json(completion: str) -> object | None:
    """The one JSON object or array in a completion; ``None`` when there is none, or several that differ."""
    text, position, found = completion[:MAX_CHARACTERS], 0, list[object]()
    for _ in range(MAX_OPENINGS):
        opening = min((at for at in (text.find("{", position), text.find("[", position)) if at >= 0), default=-1)
        if opening < 0:
            break
        try:
            value, position = _DECODER.raw_decode(text, opening)
            found.append(value)
        except (ValueError, RecursionError):
            position = opening + 1
    objects = [value for value in found if isinstance(value, dict)] or found
    return objects[0] if objects and all(value == objects[0] for value in objects) else None


def json_fields(completion: str, reference: object) -> Reward:
    """The share of the reference's fields that the completion's JSON object has right, less those it invented.

    Nested objects count field by field. Numbers compare as numbers, texts as :func:`normalise` has them.
    """
    given, expected = only_json(completion), _as_object(reference)
    if expected is None:
        raise ValueError("The reference is no JSON object.")
    if not isinstance(given, dict):
        return Reward(0.0, components={"is_json": 0.0, "fields": 0.0})
    wanted, said = _leaves(expected), _leaves(given)
    n_right = sum(path in said and same_value(said[path], value) for path, value in wanted.items())
    n_invented = len(said.keys() - wanted.keys())
    share = n_right / max(1, len(wanted) + n_invented)
    return Reward(share, components={"is_json": 1.0, "fields": share}, metrics={"n_invented": float(n_invented)})


def tool_call_match(completion: str, reference: object, *, name_credit: float = 0.3) -> Reward:
    """``name_credit`` for calling the right tool, the rest by the share of right arguments."""
    given, expected = only_json(completion), _as_object(reference)
    if expected is None or not (wanted_name := _first(expected, _NAME_KEYS)):
        raise ValueError("The reference names no tool.")
    call = _unnest(given)
    name = _first(call, _NAME_KEYS) if call is not None else None
    if call is None or not isinstance(name, str) or normalise(name) != normalise(str(wanted_name)):
        return Reward(0.0, components={"tool": 0.0, "arguments": 0.0})
    wanted, said = (_leaves(_as_object(_first(part, _ARGUMENT_KEYS)) or {}) for part in (expected, call))
    n_right = sum(name in said and same_value(said[name], value) for name, value in wanted.items())
    n_all = len(wanted.keys() | said.keys())
    share = n_right / n_all if n_all else 1.0
    return Reward(name_credit + (1 - name_credit) * share, components={"tool": 1.0, "arguments": share})


def same_value(given: object, expected: object) -> bool:
    """True when two JSON values mean the same."""
    if isinstance(given, bool) or isinstance(expected, bool) or given is None or expected is None:
        return given is expected
    left, right = parse_number(str(given)), parse_number(str(expected))
    if left is not None and right is not None and _is_numeric(given) and _is_numeric(expected):
        return same_number(left, right)
    if isinstance(given, str) and isinstance(expected, str):
        return normalise(given) == normalise(expected)
    return given == expected


def _is_numeric(value: object) -> bool:
    """True for numbers, and for texts that are a number and at most a sign of currency or per cent."""
    return isinstance(value, int | float) or (isinstance(value, str) and not any(map(str.isalpha, value)))


def _leaves(value: Mapping[str, object], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    leaves: dict[tuple[str, ...], object] = {}
    for key, part in value.items():
        place = (*path, normalise(key).replace(" ", "_"))
        leaves.update(_leaves(part, place) if isinstance(part, dict) and part else {place: part})
    return leaves


def _as_object(value: object) -> Mapping[str, object] | None:
    if isinstance(value, str):
        value = only_json(value)
    return value if isinstance(value, dict) else None


def _first(value: Mapping[str, object], keys: Sequence[str]) -> object:
    return next((value[key] for key in keys if key in value), None)


def _unnest(value: object) -> Mapping[str, object] | None:
    """The one call in OpenAI's ``{"function": {…}}``, in ``{"tool_calls": […]}``, in a list of one, or bare."""
    while True:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and "tool_calls" in value:
            value = value["tool_calls"]
        elif isinstance(value, dict) and isinstance(value.get("function"), dict):
            value = value["function"]
        else:
            return value if isinstance(value, dict) else None
