from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import ResourceConflict
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.promotion import champion_of, history_of, promote, rollback

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.clients.session import Session


def test_a_parameter_has_versions(session: Session) -> None:
    store = session.parameters
    assert store.get("/contract/versions") is None
    assert list(store.history("/contract/versions")) == []
    first = store.create("/contract/versions", "one")
    assert (first.version, first.value) == (1, "one")
    assert first.modified_at > 1.6e9
    assert store.put("/contract/versions", "two").version == 2
    assert store.get("/contract/versions") is not None
    assert [(one.version, one.value) for one in store.history("/contract/versions")] == [(1, "one"), (2, "two")]


def test_a_parameter_is_created_once(session: Session) -> None:
    store = session.parameters
    store.create("/contract/once", "mine")
    with pytest.raises(ResourceConflict):
        store.create("/contract/once", "theirs")
    found = store.get("/contract/once")
    assert found is not None
    assert found.value == "mine"


def test_names_below_a_path_are_listed_at_any_depth(session: Session) -> None:
    names = {f"/contract-names/p/history/{number:06}" for number in range(25)} | {"/contract-names/champion"}
    for name in names:
        session.parameters.create(name, "x")
    session.parameters.create("/contract-names-not/champion", "x")
    assert set(session.parameters.names("/contract-names")) == names
    assert list(session.parameters.names("/contract-nothing")) == []


def test_what_is_deleted_is_gone(session: Session) -> None:
    store = session.parameters
    store.put("/contract/gone", "x")
    store.delete("/contract/gone")
    assert store.get("/contract/gone") is None
    store.delete("/contract/gone")


def test_of_concurrent_creates_exactly_one_wins(session: Session) -> None:
    def attempt(i: int) -> bool:
        try:
            session.parameters.create("/contract/race", str(i))
        except ResourceConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_a_champion_lives_in_ssm(session: Session) -> None:
    registry, clock, store = Registry(pipeline="contract"), FakeClock(), session.parameters

    def move(model: str, expected: str) -> bool:
        try:
            promote(
                store,
                registry=registry,
                model=model,
                promotion_id=f"run-{model}",
                actor="tester",
                reason="better",
                clock=clock,
                expected_model=expected,
            )
        except ResourceConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda i: move(f"m{i}", ""), range(4))) == 1
    first = champion_of(store, registry=registry)
    assert first is not None
    assert move("m9", first.model)
    restored = rollback(store, registry=registry, rollback_id="undo", actor="tester", reason="worse", clock=clock)
    assert restored.model == first.model
    assert [entry.number for entry in history_of(store, registry=registry)] == [3, 2, 1]
    text = session.client("ssm").get_parameter(Name="/bedrock-rft/contract/champion")["Parameter"]["Value"]
    assert f'"model":"{first.model}"' in text
