"""Rows of a table to lines of JSONL: which column is what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.core.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bedrock_rft.core.dataset.record import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Which column holds what; a table with a ``messages`` column needs none of it.

    Attributes:
        prompt: The user turn.
        reference: The reference; empty when there is none.
        system: The system turn; empty when there is none.
        record_id: The id; empty when there is none.
        metadata: Columns to keep as metadata; ``None`` keeps all others.
    """

    prompt: str = "prompt"
    reference: str = "reference_answer"
    system: str = ""
    record_id: str = ""
    metadata: tuple[str, ...] | None = None

    def check(self, columns: Iterable[str], table: str) -> None:
        """Refuse a table that lacks a named column.

        Raises:
            InvalidDataset: With the code ``missing-column``.
        """
        present = list(columns)
        if "messages" in present:
            return
        named = [self.prompt, self.reference, self.system, self.record_id, *(self.metadata or ())]
        for name in filter(None, named):
            if name not in present:
                message = f"{table} has no column {name!r}; it has {', '.join(map(repr, present[:20])) or 'none'}."
                raise InvalidDataset(message, code="missing-column", column=name)


def line_of_row(row: Mapping[str, JSON], mapping: ColumnMapping) -> bytes:
    """The JSON line of one row; empty cells are left out, so that they are found missing and not blank."""
    if "messages" in row:
        return (
            msgspec.json.encode({key: _from_cell(key, cell) for key, cell in row.items() if _is_filled(cell)}) + b"\n"
        )
    turns = [("system", row.get(mapping.system)), ("user", row.get(mapping.prompt))]
    line: dict[str, JSON] = {"id": str(row[mapping.record_id])} if _is_filled(row.get(mapping.record_id)) else {}
    line["messages"] = [{"role": role, "content": str(cell)} for role, cell in turns if _is_filled(cell)]
    reference = row.get(mapping.reference)
    if _is_filled(reference):
        line["reference_answer"] = reference if isinstance(reference, dict) else str(reference)
    used = {mapping.system, mapping.prompt, mapping.reference, mapping.record_id}
    kept = mapping.metadata if mapping.metadata is not None else [key for key in row if key not in used]
    line.update((key, row[key]) for key in kept if _is_filled(row.get(key)))
    return msgspec.json.encode(line) + b"\n"


def _is_filled(cell: JSON) -> bool:
    return cell is not None and cell != "" and not (isinstance(cell, float) and math.isnan(cell))


def _from_cell(key: str, cell: JSON) -> JSON:
    """CSV has only text: messages and tools, and references that look like objects, are read as JSON."""
    is_json = isinstance(cell, str) and (
        key in {"messages", "tools"} or (key == "reference_answer" and cell[:1] == "{")
    )
    if is_json and isinstance(cell, str):
        try:
            value: JSON = msgspec.json.decode(cell)
        except msgspec.DecodeError:
            return cell
        return value
    return _without_nulls(cell)


def _without_nulls(cell: JSON) -> JSON:
    """Parquet fills the absent fields of a struct with nulls."""
    if isinstance(cell, dict):
        return {key: _without_nulls(item) for key, item in cell.items() if item is not None}
    return [_without_nulls(item) for item in cell] if isinstance(cell, list) else cell
