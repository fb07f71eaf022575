"""The ledger of a pipeline's tests in the parameter store: entries claimed one by one, never changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump, load
from airflow_provider_bedrock_rft.core.errors import ResourceConflict
from airflow_provider_bedrock_rft.core.promotion.ledger import LedgerEntry, entry_of, year_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
    from airflow_provider_bedrock_rft.core.ports import ParameterStore
    from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
    from airflow_provider_bedrock_rft.core.promotion.rollout import Registry

_MAX_TRIES = 20


def enter_test(
    parameters: ParameterStore,
    *,
    registry: Registry,
    comparison: Comparison,
    policy: PromotionPolicy,
    test_id: str,
    now: float,
) -> LedgerEntry:
    """Enter a test into this year's ledger; the same comparison is entered once.

    Raises:
        ResourceConflict: Others are entering tests all the time.
    """
    year = year_of(now)
    for _ in range(_MAX_TRIES):
        entries = tuple(tests_of(parameters, registry=registry, year=year))
        entry = entry_of(entries, comparison, policy, test_id=test_id, at=now)
        if entry.number <= len(entries):
            return entry
        try:
            parameters.create(registry.test(year, entry.number), canonical_json(dump(entry)).decode())
        except ResourceConflict:
            continue
        return entry
    raise ResourceConflict(f"The ledger of {registry.pipeline} is being written by others all the time.")


def tests_of(parameters: ParameterStore, *, registry: Registry, year: str) -> Iterator[LedgerEntry]:
    """The tests of a calendar year, oldest first."""
    number = 1
    while parameter := parameters.get(registry.test(year, number)):
        yield load(LedgerEntry, json.loads(parameter.value))
        number += 1
