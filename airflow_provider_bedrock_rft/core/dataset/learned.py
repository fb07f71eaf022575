"""The fast way through clean data: a decoder made for the file's own format, and proofs that a block has no fault.

What the first lines were found to look like is compiled into a typed decoder that accepts nothing else. A block that it
takes, and of which :mod:`.proof` has nothing to say, needs no second look; any other goes the thorough way
(:func:`.jsonl.examine_line`). A property test holds the two ways together: what passes here has no notes.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import msgspec

from airflow_provider_bedrock_rft.core.dataset.equality import Turn
from airflow_provider_bedrock_rft.core.dataset.learned_fields import Field, ObjectField, TextField, learn_object
from airflow_provider_bedrock_rft.core.dataset.length import TOKENS_PER_TURN
from airflow_provider_bedrock_rft.core.dataset.proof import structure_of
from airflow_provider_bedrock_rft.core.dataset.reference import may_give_away
from airflow_provider_bedrock_rft.core.dataset.schema import KNOWN_KEYS
from airflow_provider_bedrock_rft.core.dataset.shapes import Shape, shape_of_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import JSON

_QUOTES_PER_TURN = 8
"""Two keys and two texts."""
_ENCODER = msgspec.json.Encoder()
_MESSAGES, _ROLE, _CONTENT = attrgetter("messages"), attrgetter("role"), attrgetter("content")
_Messages: TypeAlias = "tuple[Turn, ...]"


class _Line(Protocol):
    """A line in the learned format."""

    messages: _Messages
    reference_answer: object
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBlock:
    """The keys of a block in which there is nothing to find; one entry per line."""

    prompts: array[int]
    references: array[int]
    ids: array[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFormat:
    """The one format of a file's lines: the same keys with the same types on each.

    Attributes:
        shape: The shape of every record.
        has_id: Every record has its own id.
        fields: What stands on a line beside the messages.
        reference: The reference among them.
        max_prompt_bytes: Longer prompts go the thorough way; ``None`` takes any.
    """

    decoder: msgspec.json.Decoder[_Line]
    shape: Shape
    has_id: bool
    fields: ObjectField
    reference: Field
    max_prompt_bytes: int | None

    @classmethod
    def learn(cls, values: Sequence[Mapping[str, JSON]], max_prompt_tokens: int | None) -> LearnedFormat | None:
        """The format that all of ``values`` have; ``None`` when they differ or are of a kind that is not learned."""
        if not values or not all(_is_plain(value.get("messages")) and "tools" not in value for value in values):
            return None
        rest = [{key: item for key, item in value.items() if key != "messages"} for value in values]
        fields = learn_object(rest)
        reference = fields.members.get("reference_answer") if fields else None
        if fields is None or not isinstance(reference, (TextField, ObjectField)):
            return None
        line = fields.struct_with("messages", tuple[Turn, ...])
        metadata = ((key, value) for key, value in values[0].items() if key not in KNOWN_KEYS)
        return cls(
            decoder=cast("msgspec.json.Decoder[_Line]", msgspec.json.Decoder(line)),
            shape=shape_of_values(values[0]["reference_answer"], metadata),
            has_id="id" in rest[0],
            fields=fields,
            reference=reference,
            max_prompt_bytes=None if max_prompt_tokens is None else max_prompt_tokens - 2 * TOKENS_PER_TURN,
        )

    def prove_sound(self, data: bytes) -> SoundBlock | None:
        """The keys of the lines in ``data``, or ``None`` when it cannot be ruled out that one has a fault."""
        try:
            lines = self.decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        structure = structure_of(data, has_fractions=self.fields.has_fractions)
        if structure is None or structure.n_lines != len(lines):
            return None
        messages = list(map(_MESSAGES, lines))
        if structure.n_quotes != self._quotes_in(lines, messages):
            return None  # a key that stands twice in an object is decoded once
        prompts = _prompts_in(messages)
        if prompts is None or self._has_long_prompt(prompts):
            return None
        references = self._reference_keys([line.reference_answer for line in lines], prompts)
        ids = [line.id for line in lines] if self.has_id else []
        if references is None or not all(map(str.strip, ids)):
            return None
        keys = map(hash, prompts if structure.n_lines == sum(map(len, messages)) else messages)
        return SoundBlock(prompts=array("q", keys), references=references, ids=array("q", map(hash, ids)))

    def _quotes_in(self, lines: Sequence[_Line], messages: Sequence[_Messages]) -> int:
        in_turns = _QUOTES_PER_TURN * sum(map(len, messages))
        keys = 2 * len(lines)  # of messages itself
        return in_turns + keys + self.fields.quotes_in(lines)

    def _has_long_prompt(self, prompts: Sequence[str]) -> bool:
        limit = self.max_prompt_bytes
        return limit is not None and any(len(prompt.encode()) > limit for prompt in prompts)

    def _reference_keys(self, references: Sequence[object], prompts: Sequence[str]) -> array[int] | None:
        """The keys of references that are not blank and do not stand in their prompts."""
        if isinstance(self.reference, TextField):
            texts = cast("Sequence[str]", references)
            if not all(map(str.strip, texts)):
                return None
            pairs = zip(texts, prompts, strict=True)
            suspects = [pair for pair in pairs if pair[0].rpartition("#")[2].strip() in pair[1]]  # how any answer ends
            if any(may_give_away(text, prompt) for text, prompt in suspects):
                return None
            return array("q", map(hash, texts))
        leaves = cast("ObjectField", self.reference).leaves
        for reference, prompt in zip(references, prompts, strict=True):
            values = list(leaves(reference))
            if not any(not isinstance(value, str) or value.strip() for value in values):
                return None
            if any(isinstance(value, str) and may_give_away(value, prompt) for value in values):
                return None
        encode: Callable[[object], bytes] = _ENCODER.encode
        return array("q", map(hash, map(encode, references)))


def _is_plain(messages: JSON) -> bool:
    turns = messages if isinstance(messages, list) else [None]
    return all(isinstance(turn, dict) and {"role", "content"} == turn.keys() for turn in turns)


def _prompts_in(messages: Sequence[_Messages]) -> list[str] | None:
    """The prompts, when each is one user turn or a system turn and a user turn, none of them blank."""
    lengths = set(map(len, messages))
    if lengths == {1}:
        return _contents_of(map(itemgetter(0), messages), "user")
    if lengths == {2}:
        heads = _contents_of(map(itemgetter(0), messages), "system")
        tails = _contents_of(map(itemgetter(1), messages), "user")
        if heads is None or tails is None:
            return None
        return [f"{head}\n{tail}" for head, tail in zip(heads, tails, strict=True)]
    if lengths != {1, 2}:
        return None
    found = [_prompts_in([turns]) for turns in messages]
    return None if None in found else [prompt for prompts in found if prompts for prompt in prompts]


def _contents_of(turns: Iterable[Turn], role: str) -> list[str] | None:
    kept = list(turns)
    contents = list(map(_CONTENT, kept))
    return contents if set(map(_ROLE, kept)) == {role} and all(map(str.strip, contents)) else None
