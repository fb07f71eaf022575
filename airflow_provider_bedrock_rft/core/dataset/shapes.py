"""Mixed schemas: references or metadata of a shape that most other records do not have."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_bedrock_rft.core.dataset.finding import Finding, Place, finding_at
from airflow_provider_bedrock_rft.core.dataset.reference import MIN_RECORDS_FOR_SHARES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import JSON, Record

Shape: TypeAlias = "tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]"
"""Kind of the reference, its keys when it is an object, and each metadata key with its kind."""
_EXPECTED_SHARE = 0.95
_KINDS = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}


def shape_of(record: Record) -> Shape:
    """The shape of a record."""
    return shape_of_values(record.reference, record.metadata.items())


def shape_of_values(reference: JSON | None, metadata: Iterable[tuple[str, JSON]]) -> Shape:
    """The shape of a reference and metadata items."""
    keys = tuple(sorted(reference)) if isinstance(reference, dict) else ()
    kinds = tuple(sorted((key, _kind(value)) for key, value in metadata if value is not None))
    return (_kind(reference), keys, kinds)


def _kind(value: JSON) -> str:
    return _KINDS.get(type(value), "nothing")


@dataclass(slots=True)
class Shapes:
    """The shapes of one file's records, as runs of equal ones: 12 bytes per run."""

    file: str
    _known: dict[Shape, int] = field(default_factory=dict)
    _firsts: array[int] = field(default_factory=lambda: array("I"))
    _lasts: array[int] = field(default_factory=lambda: array("I"))
    _numbers: array[int] = field(default_factory=lambda: array("I"))

    def add(self, shape: Shape, first_line: int, last_line: int) -> None:
        """Records of one shape on consecutive lines."""
        number = self._known.setdefault(shape, len(self._known))
        if self._numbers and self._numbers[-1] == number and self._lasts[-1] + 1 == first_line:
            self._lasts[-1] = last_line
            return
        self._firsts.append(first_line)
        self._lasts.append(last_line)
        self._numbers.append(number)

    def absorb(self, later: Shapes, *, lines_before: int) -> None:
        """Take in the shapes of the lines after the first ``lines_before``."""
        for shape, first, last in later.runs():
            self.add(shape, first + lines_before, last + lines_before)

    def runs(self) -> Iterator[tuple[Shape, int, int]]:
        """Each run's shape, first and last line."""
        shapes = list(self._known)
        for first, last, number in zip(self._firsts, self._lasts, self._numbers, strict=True):
            yield shapes[number], first, last

    def tally(self) -> Iterator[tuple[Shape, int]]:
        """Each shape with the number of records that have it."""
        counts: Counter[Shape] = Counter()
        for shape, first, last in self.runs():
            counts[shape] += last - first + 1
        return iter(counts.items())

    def lines_of(self, wanted: Shape) -> Iterator[int]:
        """The lines on which records of this shape stand."""
        for shape, first, last in self.runs():
            if shape == wanted:
                yield from range(first, last + 1)


def findings_on_shapes(files: Sequence[Shapes]) -> Iterator[Finding]:
    """Records whose reference or metadata is of another kind than most."""
    counts: Counter[Shape] = Counter()
    for shapes in files:
        for shape, count in shapes.tally():
            counts[shape] += count
    if sum(counts.values()) < MIN_RECORDS_FOR_SHARES:
        return
    usual = _Usual.of(counts)
    for shape in counts:
        for code, where, message in usual.departures(shape):
            for shapes in files:
                for line in shapes.lines_of(shape):
                    yield finding_at(Place(file=shapes.file, line=line), code, message, field=where)


@dataclass(frozen=True, slots=True)
class _Usual:
    """What most records have."""

    reference: str
    reference_keys: frozenset[str]
    metadata: dict[str, str]

    @classmethod
    def of(cls, counts: Counter[Shape]) -> _Usual:
        references: Counter[str] = Counter()
        keys: Counter[str] = Counter()
        metadata: dict[str, Counter[str]] = defaultdict(Counter)
        for (kind, names, items), count in counts.items():
            references[kind] += 0 if kind == "nothing" else count
            for name in names:
                keys[name] += count
            for name, its_kind in items:
                metadata[name][its_kind] += count
        n_objects = references["an object"]
        return cls(
            reference=references.most_common(1)[0][0],
            reference_keys=frozenset(name for name, count in keys.items() if count >= _EXPECTED_SHARE * n_objects),
            metadata={name: kinds.most_common(1)[0][0] for name, kinds in metadata.items()},
        )

    def departures(self, shape: Shape) -> Iterator[tuple[str, str, str]]:
        """Code, field and message of each departure of ``shape`` from the usual."""
        kind, keys, items = shape
        if kind not in {"nothing", self.reference}:
            yield "mixed-reference", "reference_answer", f"The reference is {kind}; most are {self.reference}."
        elif kind == "an object":
            for key in sorted(self.reference_keys.difference(keys)):
                yield "mixed-reference", f"reference_answer.{key}", f"The reference lacks {key!r}, which most have."
        for key, its_kind in items:
            if its_kind != self.metadata[key]:
                yield "mixed-metadata", key, f"{key!r} is {its_kind}; mostly it is {self.metadata[key]}."
