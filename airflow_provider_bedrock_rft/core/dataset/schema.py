"""A JSON object to a :class:`Record`, with a note for every rule it breaks."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.core.dataset.finding import Note, Severity
from airflow_provider_bedrock_rft.core.dataset.record import JSON, Message, Record, derived_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.quota import Requirements

KNOWN_KEYS = ("id", "messages", "reference_answer", "tools")
MESSAGE_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_CHAT_KEYS_OF_OTHERS = frozenset(
    {"prompt", "conversations", "input", "instruction", "question", "completion", "role", "content"}
)
_MISSPELT = {
    "message": "messages",
    "mesages": "messages",
    "messsages": "messages",
    "reference_anwser": "reference_answer",
    "reference_answers": "reference_answer",
    "refrence_answer": "reference_answer",
    "referenceanswer": "reference_answer",
    "reference-answer": "reference_answer",
    "reference answer": "reference_answer",
    "tool": "tools",
}
_ROLES_AFTER_TOOL_TURN = frozenset({"tool"})


def notes_on(value: Mapping[str, JSON], needs: Requirements) -> Iterator[Note]:
    """Every rule about a single record's structure that ``value`` breaks."""
    yield from _notes_on_keys(value)
    yield from _notes_on_id(value)
    yield from _notes_on_messages(value, needs)
    yield from _notes_on_tools(value, needs)
    yield from _notes_on_reference(value, needs)


def to_record(value: Mapping[str, JSON]) -> Record:
    """The record in an object that :func:`notes_on` found without errors."""
    messages = tuple(_to_message(turn) for turn in cast("Sequence[Mapping[str, JSON]]", value["messages"]))
    reference = value.get("reference_answer")
    own_id = value.get("id")
    return Record(
        record_id=str(own_id) if own_id is not None else derived_id(messages, reference),
        messages=messages,
        reference=reference,
        metadata={key: item for key, item in value.items() if key not in KNOWN_KEYS},
        tools=tuple(cast("Sequence[Mapping[str, JSON]]", value.get("tools") or ())),
        has_own_id=own_id is not None,
    )


def _to_message(turn: Mapping[str, JSON]) -> Message:
    return Message(
        role=str(turn["role"]).lower(),
        content=text_of(turn.get("content")),
        tool_calls=turn.get("tool_calls"),
        tool_call_id=str(turn.get("tool_call_id") or ""),
    )


def text_of(content: JSON) -> str:
    """The text of a message's content: a string, or a list of text parts joined."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _notes_on_keys(value: Mapping[str, JSON]) -> Iterator[Note]:
    if "messages" not in value:
        hint = next((key for key in value if key in _CHAT_KEYS_OF_OTHERS), None)
        tail = f" {hint!r} is another format's key." if hint else ""
        yield Note(code="missing-messages", field="messages", message=f"The record has no messages.{tail}")
    for key in value:
        meant = _MISSPELT.get(key.strip().lower()) or (
            key.strip().lower() if key.strip().lower() in KNOWN_KEYS else None
        )
        if meant and meant != key and meant not in value:
            yield Note(code="misspelt-key", field=key, message=f"Key {key!r} looks like {meant!r}.")
    if "messages" in value:
        for key in ("role", "content"):
            if key in value:
                message = f"{key!r} belongs inside a message; here it is metadata."
                yield Note(code="misplaced-key", field=key, message=message, severity=Severity.WARNING)
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and "reference_answer" in metadata and "reference_answer" not in value:
        message = "reference_answer belongs to the record's top level, not into metadata."
        yield Note(code="misplaced-key", field="metadata.reference_answer", message=message)


def _notes_on_id(value: Mapping[str, JSON]) -> Iterator[Note]:
    if "id" in value and not (isinstance(value["id"], str) and value["id"].strip()):
        yield Note(code="id-type", field="id", message=f"id is {_shown(value['id'])}.")


def _notes_on_messages(value: Mapping[str, JSON], needs: Requirements) -> Iterator[Note]:
    if "messages" not in value:
        return
    messages = value["messages"]
    if not isinstance(messages, list):
        yield Note(code="messages-type", field="messages", message=f"messages is {_shown(messages)}.")
        return
    if not messages:
        yield Note(code="empty-messages", field="messages", message="messages is an empty list.")
        return
    roles: list[str] = []
    for index, turn in enumerate(messages):
        path = f"messages[{index}]"
        if isinstance(turn, dict):
            roles.append(str(turn.get("role", "")).lower())
            yield from _notes_on_turn(turn, path, needs)
        else:
            yield Note(code="messages-type", field=path, message=f"{path} is {_shown(turn)}.")
    if len(roles) == len(messages) and set(roles) <= needs.roles:
        yield from _notes_on_order(roles)


def _notes_on_turn(turn: Mapping[str, JSON], path: str, needs: Requirements) -> Iterator[Note]:
    role = turn.get("role")
    if role is None:
        yield Note(code="missing-role", field=f"{path}.role", message=f"{path} has no role.")
    elif not isinstance(role, str) or role.lower() not in needs.roles:
        yield Note(code="unknown-role", field=f"{path}.role", message=f"Role {_shown(role)}.")
    for key in turn:
        if key in KNOWN_KEYS:
            message = f"{key!r} belongs to the record's top level."
            yield Note(code="misplaced-key", field=f"{path}.{key}", message=message)
        elif key not in MESSAGE_KEYS:
            yield Note(code="unknown-message-key", field=f"{path}.{key}", message=f"A message has no key {key!r}.")
    yield from _notes_on_tool_keys(turn, path, needs)
    if turn.get("content") is None:
        if not turn.get("tool_calls"):
            yield Note(code="missing-content", field=f"{path}.content", message=f"{path} has no content.")
        return
    yield from _notes_on_content(turn["content"], f"{path}.content")


def _notes_on_tool_keys(turn: Mapping[str, JSON], path: str, needs: Requirements) -> Iterator[Note]:
    for key in ("tool_calls", "tool_call_id"):
        if key in turn and not needs.allows_tools:
            yield Note(code="tools-not-allowed", field=f"{path}.{key}", message=f"{path} has {key}.")


def _notes_on_content(content: JSON, path: str) -> Iterator[Note]:
    if not isinstance(content, (str, list)):
        yield Note(code="content-type", field=path, message=f"{path} is {_shown(content)}.")
        return
    parts = content if isinstance(content, list) else []
    for index, part in enumerate(parts):
        if not isinstance(part, dict) or not isinstance(part.get("type", "text"), str):
            yield Note(code="content-type", field=f"{path}[{index}]", message=f"A part is {_shown(part)}.")
            return
        if part.get("type", "text") != "text" or not isinstance(part.get("text"), str):
            yield Note(code="not-text", field=f"{path}[{index}]", message=f"A part of type {part.get('type')!r}.")
            return
    if not text_of(content).strip():
        yield Note(code="empty-content", field=path, message=f"{path} is empty or blank.")


def _notes_on_order(roles: Sequence[str]) -> Iterator[Note]:
    heads = {"system", "developer"}
    late = [index for index, role in enumerate(roles) if role in heads and index]
    if late:
        yield Note(code="system-not-first", field=f"messages[{late[0]}]", message="A system turn is not the first.")
    turns = [role for role in roles if role not in heads]
    users = turns.count("user")
    if not users:
        yield Note(code="no-user-turn", field="messages", message="No turn is the user's.")
        return
    if turns[-1] in {"assistant", "bot"}:
        last = f"messages[{len(roles) - 1}]"
        yield Note(code="trailing-assistant", field=last, message="The prompt ends in an assistant turn.")
    if turns[0] != "user" or any(a == b and a != "tool" for a, b in itertools.pairwise(turns)):
        yield Note(code="role-order", field="messages", message=f"The turns are {', '.join(roles)}.")
    elif users > 1:
        yield Note(code="several-turns", field="messages", message=f"{users} user turns.")


def _notes_on_tools(value: Mapping[str, JSON], needs: Requirements) -> Iterator[Note]:
    if "tools" not in value:
        return
    if not needs.allows_tools:
        names = ", ".join(target.value for target in needs.targets)
        yield Note(code="tools-not-allowed", field="tools", message=f"{names} documents no tools in a record.")
        return
    tools = value["tools"]
    if not isinstance(tools, list) or not tools:
        yield Note(code="tools-invalid", field="tools", message=f"tools is {_shown(tools)}.")
        return
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        fault = _fault_of_tool(tool, seen)
        if fault:
            yield Note(code="tools-invalid", field=f"tools[{index}]", message=fault)


def _fault_of_tool(tool: JSON, seen: set[str]) -> str:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict):
        return 'A tool needs "type": "function" and a "function" object.'
    for key in ("name", "description"):
        text = function.get(key)
        if not isinstance(text, str) or not text.strip():
            return f"A function needs a non-blank {key}."
    if function["name"] in seen:
        return f"Two functions are called {function['name']!r}."
    seen.add(function["name"])
    return _fault_of_parameters(function.get("parameters"))


def _fault_of_parameters(parameters: JSON) -> str:
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        return 'A function\'s parameters need "type": "object".'
    if not isinstance(parameters.get("properties"), dict):
        return "A function's parameters need an object of properties."
    if not isinstance(parameters.get("required", []), list):
        return "A function's required parameters are a list."
    return ""


def _notes_on_reference(value: Mapping[str, JSON], needs: Requirements) -> Iterator[Note]:
    reference = value.get("reference_answer")
    where = "reference_answer"
    if "reference_answer" not in value:
        severity = Severity.ERROR if needs.requires_reference else None
        message = "The record has no reference_answer."
        yield Note(code="missing-reference", field=where, message=message, severity=severity)
    elif reference is None or (isinstance(reference, (str, dict, list)) and _is_blank(reference)):
        yield Note(code="empty-reference", field=where, message=f"reference_answer is {_shown(reference)}.")
    elif not isinstance(reference, (str, dict)):
        yield Note(code="reference-type", field=where, message=f"reference_answer is {_shown(reference)}.")


def _is_blank(reference: JSON) -> bool:
    if isinstance(reference, str):
        return not reference.strip()
    if isinstance(reference, dict):
        return all(
            item is None or (isinstance(item, (str, dict, list)) and _is_blank(item)) for item in reference.values()
        )
    return not reference


def _shown(value: JSON) -> str:
    text = repr(value)
    kind = {dict: "an object", list: "a list", type(None): "null"}.get(type(value), text[:60])
    return f"an empty {kind.split()[-1]}" if value in ([], {}) else kind
