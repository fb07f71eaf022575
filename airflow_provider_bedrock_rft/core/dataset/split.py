"""Seeded splits that keep what belongs together on one side."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.dataset.near import NearIndex
from airflow_provider_bedrock_rft.core.dataset.record import Record
from airflow_provider_bedrock_rft.core.errors import InvalidInput

DEFAULT_FRACTIONS: dict[str, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts of a dataset by name; within a part the records keep their order.

    Attributes:
        parts: Name → records.
        seed: What the draw depended on.
        n_groups: Groups of records that were kept together.
    """

    parts: Mapping[str, tuple[Record, ...]]
    seed: int
    n_groups: int
    fractions: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> tuple[Record, ...]:
        return self.parts[name]


def split_records(
    records: Sequence[Record],
    *,
    seed: int,
    fractions: Mapping[str, float] = DEFAULT_FRACTIONS,
    group_by: str | None = None,
    stratify_by: str | None = None,
    group_key: Callable[[Record], str] | None = None,
    keeps_near_together: bool = True,
    together: Sequence[tuple[str, str]] = (),
) -> Split:
    """Divide ``records`` by ``fractions``; equal arguments give equal parts, on every machine.

    Records with one group stay on one side: by the metadata key ``group_by``, by ``group_key``, by the pairs of ids in
    ``together``, always by equal prompts, and near ones unless told otherwise. Within each stratum (the value of the
    metadata key ``stratify_by``) the fractions are kept as closely as whole groups allow.

    Raises:
        InvalidInput: ``fractions`` are not positive or do not add up to 1, or a named key is in no record.
    """
    _check_arguments(records, fractions, [key for key in (group_by, stratify_by) if key])
    near = [*_pairs_of_ids(records, together), *(_near_pairs(records) if keeps_near_together else [])]
    groups = _grouped(records, group_by, group_key, near)
    strata: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        strata[_value(records[group[0]], stratify_by)].append(group)
    side_of: dict[int, str] = {}
    for stratum in sorted(strata):
        side_of.update(_deal(_shuffled(strata[stratum], records, seed), fractions))
    parts = {
        name: tuple(record for index, record in enumerate(records) if side_of[index] == name) for name in fractions
    }
    return Split(parts=parts, seed=seed, n_groups=len(groups), fractions=dict(fractions))


def _check_arguments(records: Sequence[Record], fractions: Mapping[str, float], keys: Sequence[str]) -> None:
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise InvalidInput(f"Fractions {dict(fractions)} must be positive and add up to 1.")
    for key in keys:
        if records and not any(key in record.metadata for record in records):
            raise InvalidInput(f"No record has the metadata key {key!r}.", action="Name a key that the records have.")


def _value(record: Record, key: str | None) -> str:
    return repr(record.metadata.get(key)) if key else ""


def _grouped(
    records: Sequence[Record],
    group_by: str | None,
    group_key: Callable[[Record], str] | None,
    near: Sequence[tuple[int, int]],
) -> list[list[int]]:
    """Indices of records that share any key or are near, in order of first appearance."""
    families = _Families(len(records))
    for first, second in near:
        families.join(first, second)
    first_with: dict[tuple[str, str], int] = {}
    for index, record in enumerate(records):
        keys = [("prompt", " ".join(record.prompt.split()))]
        if group_by and group_by in record.metadata:
            keys.append(("metadata", _value(record, group_by)))
        if group_key:
            keys.append(("given", group_key(record)))
        for key in keys:
            families.join(first_with.setdefault(key, index), index)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(records)):
        groups[families.root(index)].append(index)
    return list(groups.values())


class _Families:
    """Union-find over indices; a family's root is its smallest index."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        smaller, larger = sorted((self.root(one), self.root(other)))
        self._parent[larger] = smaller


def _near_pairs(records: Sequence[Record]) -> list[tuple[int, int]]:
    index = NearIndex()
    for record in records:
        index.add(record)
    return [(near.first, near.second) for near in index.pairs()]


def _pairs_of_ids(records: Sequence[Record], together: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    wanted = {name for pair in together for name in pair}
    with_id = defaultdict(list)
    for index, record in enumerate(records):
        if record.record_id in wanted:
            with_id[record.record_id].append(index)
    return [(first, second) for one, other in together for first in with_id[one] for second in with_id[other]]


def _shuffled(groups: list[list[int]], records: Sequence[Record], seed: int) -> list[list[int]]:
    """A seeded order that depends on the prompts alone, not on the order in which the records came."""

    def rank(group: list[int]) -> bytes:
        text = f"{seed}\0{records[group[0]].prompt}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    return sorted(groups, key=lambda group: (rank(group), group))


def _deal(groups: list[list[int]], fractions: Mapping[str, float]) -> dict[int, str]:
    """Give each group to the side that is furthest below its share."""
    total = sum(len(group) for group in groups)
    given = dict.fromkeys(fractions, 0)
    side_of: dict[int, str] = {}
    for group in groups:
        name = max(fractions, key=lambda side: fractions[side] * total - given[side])
        given[name] += len(group)
        side_of.update(dict.fromkeys(group, name))
    return side_of
