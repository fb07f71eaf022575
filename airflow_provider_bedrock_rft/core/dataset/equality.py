"""Exact equality between records, in 24 bytes per record: duplicates, conflicts, repeated ids, leakage.

Keys are Python's 64-bit string hashes; for a million records the chance of any false pair is below one in ten million.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import msgspec

from airflow_provider_bedrock_rft.core.dataset.finding import Finding, Place, finding_at
from airflow_provider_bedrock_rft.core.dataset.reference import DOMINANT_SHARE, MIN_RECORDS_FOR_SHARES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from airflow_provider_bedrock_rft.core.dataset.record import JSON, Record


_NO_REFERENCE = 0
_LOOK_UP = 65_536
"""Keys looked up at once."""

Role: TypeAlias = Literal["system", "user", "assistant", "tool", "bot", "developer"]


class Turn(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The part of a message that decides whether two prompts are equal."""

    role: Role
    content: str


@dataclass(slots=True)
class Keys:
    """The keys of one file's records, in the order of their lines."""

    file: str
    split: str
    lines: array[int] = field(default_factory=lambda: array("I"))
    prompts: array[int] = field(default_factory=lambda: array("q"))
    references: array[int] = field(default_factory=lambda: array("q"))
    ids: array[int] = field(default_factory=lambda: array("q"))
    id_lines: array[int] = field(default_factory=lambda: array("I"))

    def add(self, line: int, record: Record) -> None:
        """Take in one record."""
        self.lines.append(line)
        self.prompts.append(prompt_key(record))
        self.references.append(reference_key(record.reference))
        if record.has_own_id:
            self.ids.append(hash(record.record_id))
            self.id_lines.append(line)

    def extend(self, first_line: int, prompts: array[int], references: array[int], ids: array[int]) -> None:
        """Take in the keys of records on consecutive lines; ``ids`` is empty or as long as the others."""
        lines = array("I", range(first_line, first_line + len(prompts)))
        self.lines.extend(lines)
        self.prompts.extend(prompts)
        self.references.extend(references)
        if ids:
            self.ids.extend(ids)
            self.id_lines.extend(lines)

    def absorb(self, later: Keys, *, lines_before: int) -> None:
        """Take in the keys of the lines after the first ``lines_before``."""
        self.lines.extend(_shifted(later.lines, lines_before))
        self.prompts.extend(later.prompts)
        self.references.extend(later.references)
        self.ids.extend(later.ids)
        self.id_lines.extend(_shifted(later.id_lines, lines_before))


def _shifted(lines: array[int], by: int) -> array[int]:
    import numpy as np  # noqa: PLC0415  # 0.1 s that only a check pays

    moved = np.frombuffer(lines, dtype=np.uint32) + np.uint32(by) if lines else np.empty(0, np.uint32)
    return array("I", moved.tobytes())


def prompt_key(record: Record) -> int:
    """Equal for equal prompts; of a single user turn it is that of its text."""
    if len(record.messages) == 1 and record.messages[0].role == "user" and record.messages[0].tool_calls is None:
        return hash(record.messages[0].content)
    turns: list[object] = [Turn(cast("Role", message.role), message.content) for message in record.messages]
    if any(message.tool_calls is not None for message in record.messages):
        turns.append(reference_key([message.tool_calls for message in record.messages]))
    return hash(tuple(turns))


def reference_key(reference: JSON | None) -> int:
    """Equal for equal references, whatever the order of their keys."""
    if reference is None:
        return _NO_REFERENCE
    return hash(reference if isinstance(reference, str) else msgspec.json.encode(reference, order="sorted"))


def findings_on_equality(files: Sequence[Keys]) -> Iterator[Finding]:
    """Duplicates, conflicting references and leakage, then repeated ids (within a split)."""
    places = _Places(files)
    references = _joined([keys.references for keys in files])
    for group in _repeats(_joined([keys.prompts for keys in files])):
        yield from _findings_on_group(group, places, references)
    id_places = _Places(files, of_ids=True)
    for group in _repeats(_joined([keys.ids for keys in files])):
        first_in: dict[str, int] = {}
        for index in group:
            first = first_in.setdefault(id_places.split(index), index)
            if first != index:
                yield finding_at(
                    id_places[index],
                    "duplicate-id",
                    "The id stands before already.",
                    field="id",
                    other=id_places[first],
                )


def findings_on_dominance(files: Sequence[Keys]) -> Iterator[Finding]:
    """A finding when nearly all records have one reference; it stands where that reference first does."""
    references = _joined([keys.references for keys in files])
    if len(references) < MIN_RECORDS_FOR_SHARES:
        return
    import numpy as np  # noqa: PLC0415

    middle = np.partition(references, len(references) // 2)[len(references) // 2]
    positions = np.flatnonzero(references == middle)  # what nearly all have in common, the median has
    share = len(positions) / len(references)
    if share >= DOMINANT_SHARE and middle != _NO_REFERENCE:
        place = _Places(files)[int(positions[0])]
        message = f"{share:.0%} of the references equal this one."
        yield finding_at(place, "dominant-reference", message, field="reference_answer")


def _findings_on_group(group: Sequence[int], places: _Places, references: np.ndarray) -> Iterator[Finding]:
    """Findings on records with one prompt, given by index in order of appearance."""
    first_in: dict[str, int] = {}
    first_with: dict[tuple[str, int], int] = {}
    for index in group:
        split = places.split(index)
        twin = first_with.setdefault((split, int(references[index])), index)
        first = first_in.setdefault(split, index)
        elsewhere = next((other for name, other in first_in.items() if name != split), None)
        if elsewhere is not None:
            other = places[elsewhere]
            message = f"The prompt also stands in the {places.split(elsewhere)} data."
            yield finding_at(places[index], "leakage", message, field="messages", other=other)
        if twin != index:
            message = "Prompt and reference stand before already."
            yield finding_at(places[index], "duplicate-record", message, other=places[twin])
        elif first != index:
            message = "The prompt stands before already, with another reference."
            yield finding_at(
                places[index], "conflicting-reference", message, field="reference_answer", other=places[first]
            )


class _Places:
    """Index over all files → where the record stands."""

    def __init__(self, files: Sequence[Keys], *, of_ids: bool = False) -> None:
        self._files = files
        self._lines = [keys.id_lines if of_ids else keys.lines for keys in files]

    def _locate(self, index: int) -> tuple[int, int]:
        for number, lines in enumerate(self._lines):
            if index < len(lines):
                return number, index
            index -= len(lines)
        raise IndexError(index)

    def __getitem__(self, index: int) -> Place:
        number, offset = self._locate(index)
        return Place(file=self._files[number].file, line=self._lines[number][offset])

    def split(self, index: int) -> str:
        """The split of the file the record stands in."""
        return self._files[self._locate(index)[0]].split


def _joined(columns: Sequence[array[int]]) -> np.ndarray:
    import numpy as np  # noqa: PLC0415  # 0.1 s that only a check pays

    return np.concatenate(
        [np.frombuffer(column, dtype=np.int64) for column in columns if column] or [np.empty(0, np.int64)]
    )


def _repeats(keys: np.ndarray) -> Iterator[list[int]]:
    """Indices of equal keys, each group ascending, groups by first appearance."""
    import numpy as np  # noqa: PLC0415

    ordered = np.sort(keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    groups: dict[int, list[int]] = {}
    for index in np.flatnonzero(_is_among(keys, repeated)).tolist():
        groups.setdefault(int(keys[index]), []).append(index)
    return iter(groups.values())


def _is_among(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where a key is one of ``wanted``, which are sorted; looked up in blocks, so that memory stays flat."""
    import numpy as np  # noqa: PLC0415

    found = np.zeros(len(keys), dtype=np.bool_)
    for start in range(0, len(keys) if len(wanted) else 0, _LOOK_UP):
        part = keys[start : start + _LOOK_UP]
        at = np.searchsorted(wanted, part)
        at[at == len(wanted)] = 0
        found[start : start + _LOOK_UP] = wanted[at] == part
    return found
