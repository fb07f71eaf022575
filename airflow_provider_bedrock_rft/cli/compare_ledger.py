"""The year's tests in a file: the ledger of whoever compares at a terminal or in CI instead of in a DAG."""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.promotion.ledger import LedgerEntry
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy


def enter_in_file(
    path: Path, comparison: Comparison, policy: PromotionPolicy, *, test_id: str, now: float
) -> LedgerEntry:
    """Enter a test into this year's ledger, one JSON line each; the same comparison is entered once.

    Raises:
        InvalidInput: The policy states no yearly risk, or the file cannot be used.
    """
    import fcntl

    from airflow_provider_bedrock_rft.core.errors import InvalidInput, InvalidPolicy

    if policy.yearly_risk is None:
        raise InvalidPolicy(
            "A ledger divides a year's risk, and the policy states none.", action="Write `yearly_risk: 0.10` into it."
        )
    try:
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            return _enter(file, comparison, policy, test_id=test_id, now=now)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The ledger {path} cannot be used: {error}.") from None


def _enter(file: IO[str], comparison: Comparison, policy: PromotionPolicy, *, test_id: str, now: float) -> LedgerEntry:
    from airflow_provider_bedrock_rft.core.codec import canonical_json, dump
    from airflow_provider_bedrock_rft.core.promotion.ledger import entry_of, year_of

    file.seek(0)
    entries = [entry for entry in _entries(file, file.name) if year_of(entry.at) == year_of(now)]
    entry = entry_of(entries, comparison, policy, test_id=test_id, at=now)
    if entry.number <= len(entries):
        return entry
    file.write(canonical_json(dump(entry)).decode() + "\n")
    file.flush()
    os.fsync(file.fileno())
    return entry


def _entries(lines: Iterable[str], source: str) -> Iterable[LedgerEntry]:
    return (_entry(line, f"{source}, line {number}") for number, line in enumerate(lines, start=1))


def _entry(line: str, place: str) -> LedgerEntry:
    from airflow_provider_bedrock_rft.core.codec import load
    from airflow_provider_bedrock_rft.core.errors import InvalidPayload
    from airflow_provider_bedrock_rft.core.promotion.ledger import LedgerEntry

    try:
        return load(LedgerEntry, json.loads(line))
    except (ValueError, InvalidPayload) as error:
        raise InvalidPayload(
            f"{place} is no entry of a ledger: {error}",
            action="Restore the ledger from its history; a year without it has no error control.",
        ) from None
