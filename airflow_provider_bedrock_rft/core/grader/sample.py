"""What a grader is given, read from every event layout the services use.

Travels into the Lambda: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

REFERENCE_KEY = "reference_answer"
_ASSISTANTS = frozenset({"assistant", "nova_assistant"})
_KNOWN_KEYS = frozenset({"id", "task_id", "messages", "metadata", "tools", REFERENCE_KEY})


class TurnLike(Protocol):
    """Anything with a role and a content; a dataset's message is one."""

    @property
    def role(self) -> str:
        """Who speaks."""
        ...

    @property
    def content(self) -> str:
        """What is said."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSample:
    """One completion to be graded.

    Attributes:
        sample_id: Echoed in the reply; unique within a batch.
        completion: The model output, text only.
        reference: The known-good answer as the dataset has it, ``{"text": …}`` unwrapped; ``None`` without one.
        turns: The prompt, without the completion.
        metadata: The record's other fields.
        tools: Function tools offered to the model.
    """

    sample_id: str
    completion: str
    reference: object = None
    turns: Sequence[TurnLike] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    tools: Sequence[object] = ()

    @property
    def prompt(self) -> str:
        """The last user turn; empty when there is none."""
        return next((turn.content for turn in reversed(self.turns) if turn.role == "user"), "")


class UnreadableEvent(ValueError):
    """An event that is none of the known layouts."""


def read_event(event: object) -> list[GraderSample]:
    """The samples of an event: a list, or an object with ``trajectories``, or one bare sample.

    Raises:
        UnreadableEvent: No layout fits.
    """
    return [_read_sample(raw, position) for position, raw in enumerate(_entries_of(event))]


def _entries_of(event: object) -> Sequence[object]:
    if isinstance(event, list):
        return event
    if isinstance(event, dict):
        batch = event.get("trajectories", event.get("samples"))
        if isinstance(batch, list):
            return batch
        if "messages" in event:
            return [event]
    raise UnreadableEvent(
        f"The event is {type(event).__name__}: neither a list of samples nor an object that holds one."
    )


def _read_sample(raw: object, position: int) -> GraderSample:
    if not isinstance(raw, dict):
        raise UnreadableEvent(f"Entry {position} of the event is {type(raw).__name__}, not an object.")
    turns = list(_turns_of(raw.get("messages")))
    completion = turns.pop().content if turns and turns[-1].role in _ASSISTANTS else ""
    metadata = raw.get("metadata")
    extras = dict(metadata) if isinstance(metadata, dict) else {}
    reference = extras.pop(REFERENCE_KEY, raw.get(REFERENCE_KEY))
    extras.update((key, value) for key, value in raw.items() if key not in _KNOWN_KEYS)
    tools = raw.get("tools")
    return GraderSample(
        sample_id=str(raw.get("id", raw.get("task_id", position))),
        completion=completion,
        reference=unwrap_text(reference),
        turns=tuple(turns),
        metadata=extras,
        tools=tools if isinstance(tools, list) else (),
    )


def unwrap_text(reference: object) -> object:
    """The string inside ``{"text": …}``, which Mantle wraps string references in; anything else as it is."""
    if isinstance(reference, dict) and len(reference) == 1 and "text" in reference:
        return reference["text"]
    return reference


def _turns_of(messages: object) -> Iterator[Turn]:
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield Turn(str(message.get("role", "")), _text_of(message.get("content")))


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return str(content.get("text") or "")
    if isinstance(content, list):
        return "".join(_text_of(part) for part in content)
    return ""
