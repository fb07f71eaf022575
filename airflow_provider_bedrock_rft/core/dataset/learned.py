"""The fast way through clean data: a decoder made for the file's own format, and proofs that a block has no fault.

What the first block was found to look like is compiled into a typed decoder that accepts nothing else. A block of
lines that it takes, and in which no suspicious byte sequence occurs, needs no second look; any other block goes the
thorough way (:func:`.jsonl.examine_line`). A property test holds the two ways together: what passes here has no notes.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import msgspec

from airflow_provider_bedrock_rft.core.dataset.equality import Turn
from airflow_provider_bedrock_rft.core.dataset.length import TOKENS_PER_TURN
from airflow_provider_bedrock_rft.core.dataset.reference import may_give_away
from airflow_provider_bedrock_rft.core.dataset.schema import KNOWN_KEYS
from airflow_provider_bedrock_rft.core.dataset.shapes import Shape, shape_of_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import JSON

_EXACT_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_TYPES: Mapping[type, object] = {str: str, bool: bool, int: _EXACT_INTEGER}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.@$ -]{1,64}")
_MAX_KEYS = 24
_ESCAPES = re.compile(rb"\\(?:[bf]|u(?:00[0-9]|200[bB]|202[89a-eA-E]|206[6-9]|[fF][eE][fF][fF]|[fF]{3}[eEfF]))")
_AFTER_C2 = frozenset(bytes([second]) for second in range(0x80, 0xA0))
_AFTER_E2 = frozenset(
    [
        b"\x80\x8b",
        *(bytes([0x80, third]) for third in range(0xA8, 0xAF)),
        *(bytes([0x81, third]) for third in range(0xA6, 0xAA)),
    ]
)
_AFTER_EF = frozenset([b"\xbb\xbf", b"\xbf\xbe", b"\xbf\xbf"])


class _Line(Protocol):
    """A line in the learned format."""

    messages: tuple[Turn, ...]
    reference_answer: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBlock:
    """The keys of a block in which there is nothing to find; one entry per line."""

    prompts: list[int]
    references: list[int]
    ids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFormat:
    """The one format of a file's lines: the same keys with the same types on each.

    Attributes:
        shape: The shape of every record.
        has_id: Every record has its own id.
        max_prompt_bytes: Longer prompts go the thorough way; ``None`` takes any.
    """

    decoder: msgspec.json.Decoder[_Line]
    shape: Shape
    has_id: bool
    keys: tuple[str, ...]
    max_prompt_bytes: int | None

    @classmethod
    def learn(cls, values: Sequence[Mapping[str, JSON]], max_prompt_tokens: int | None) -> LearnedFormat | None:
        """The format that all of ``values`` have; ``None`` when they differ or hold more than texts and numbers."""
        if not values:
            return None
        fields = _fields_of(values[0])
        if fields is None or any(_fields_of(value) != fields for value in values[1:]):
            return None
        line = msgspec.defstruct(
            "Line",
            [(_attribute(key, number), kind) for number, (key, kind) in enumerate(fields.items())],
            rename={_attribute(key, number): key for number, key in enumerate(fields)},
            forbid_unknown_fields=True,
            gc=False,
        )
        metadata = ((key, value) for key, value in values[0].items() if key not in KNOWN_KEYS)
        return cls(
            decoder=cast("msgspec.json.Decoder[_Line]", msgspec.json.Decoder(line)),
            shape=shape_of_values("", metadata),
            has_id="id" in fields,
            keys=tuple(fields),
            max_prompt_bytes=None if max_prompt_tokens is None else max_prompt_tokens - 2 * TOKENS_PER_TURN,
        )

    def prove_sound(self, data: bytes, n_breaks: int) -> SoundBlock | None:
        """The keys of the lines in ``data``, or ``None`` when it cannot be ruled out that one has a fault.

        Args:
            data: Whole lines.
            n_breaks: Line breaks in them.
        """
        if _has_suspicious_bytes(data):
            return None
        try:
            lines = self.decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        is_line_per_record = len(lines) == n_breaks and data.count(b"}\n{") == n_breaks - 1 and data.endswith(b"}\n")
        if not is_line_per_record or not self._has_every_key_once(data, lines):
            return None
        return self._keys_of(lines)

    def _has_every_key_once(self, data: bytes, lines: Sequence[_Line]) -> bool:
        """A key that stands twice in an object is decoded once, but counted twice."""
        expected = Counter(dict.fromkeys(self.keys, len(lines)))
        n_turns = sum(len(line.messages) for line in lines)
        expected.update(role=n_turns, content=n_turns)
        return all(data.count(b'"%b":' % key.encode()) == count for key, count in expected.items())

    def _keys_of(self, lines: Sequence[_Line]) -> SoundBlock | None:
        limit = self.max_prompt_bytes
        prompts, references = [], []
        for line in lines:
            messages, reference = line.messages, line.reference_answer
            content = messages[-1].content if messages else ""
            if len(messages) == 2:
                system = messages[0]
                is_usual = system.role == "system" and system.content and not system.content.isspace()
                prompt = f"{system.content}\n{content}"
            else:
                is_usual, prompt = len(messages) == 1, content
            if not is_usual or messages[-1].role != "user" or not content or content.isspace():
                return None
            if not reference or reference.isspace() or may_give_away(reference, prompt):
                return None
            if limit is not None and len(prompt.encode()) > limit:
                return None
            prompts.append(hash(messages))
            references.append(hash(reference))
        if not self.has_id:
            return SoundBlock(prompts=prompts, references=references, ids=[])
        if any(not line.id.strip() for line in lines):
            return None
        return SoundBlock(prompts=prompts, references=references, ids=[hash(line.id) for line in lines])


def _attribute(key: str, number: int) -> str:
    return key if key in KNOWN_KEYS else f"metadata_{number}"


def _fields_of(value: Mapping[str, JSON]) -> dict[str, object] | None:
    """Key → type to decode it as; ``None`` when there is more in the record than plain texts and whole numbers."""
    fields: dict[str, object] = {}
    for key, item in sorted(value.items()):
        kind = tuple[Turn, ...] if key == "messages" and _is_plain(item) else _TYPES.get(type(item))
        if kind is None or not _PLAIN_KEY.fullmatch(key):
            return None
        fields[key] = kind
    is_usual = isinstance(value.get("reference_answer"), str) and "tools" not in fields and "messages" in fields
    return fields if is_usual and len(fields) <= _MAX_KEYS and not {"role", "content"} & fields.keys() else None


def _is_plain(messages: JSON) -> bool:
    turns = messages if isinstance(messages, list) else [None]
    return all(isinstance(turn, dict) and {"role", "content"} == turn.keys() for turn in turns)


def _has_suspicious_bytes(data: bytes) -> bool:
    """True where a text may hold control characters, or a key may be spelt with escapes."""
    if b"\r" in data or b"\x7f" in data:
        return True
    if _ESCAPES.search(data) and (b"\\\\" not in data or _ESCAPES.search(data.replace(b"\\\\", b""))):
        return True
    return not data.isascii() and (
        (b"\xc2" in data and any(rest[:1] in _AFTER_C2 for rest in data.split(b"\xc2")[1:]))
        or (b"\xe2" in data and any(rest[:2] in _AFTER_E2 for rest in data.split(b"\xe2")[1:]))
        or (b"\xef" in data and any(rest[:2] in _AFTER_EF for rest in data.split(b"\xef")[1:]))
    )
