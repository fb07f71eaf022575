from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage
from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPolicy, Stored
from airflow_provider_bedrock_rft.core.steps.promotion import promote, rollback, set_challenger
from airflow_provider_bedrock_rft.core.steps.retention import clean_up, plan_clean_up, protected_by

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import FakeClock
    from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
    from tests.core.steps.promotion.conftest import FakeParameters


@pytest.fixture
def lineage() -> Lineage:
    return Lineage(
        Manifest(
            pipeline="p",
            run_id=f"r{i}",
            stage=Stage.JOB,
            inputs={"dataset": f"file:f{i}", "grader": f"grader:g{i}"},
            outputs={"model": f"model:m{i}"},
        )
        for i in range(5)
    )


@pytest.fixture
def served(store: FakeParameters, registry: Registry, clock: FakeClock) -> None:
    for i in range(4):
        promote(store, registry=registry, model=f"m{i}", promotion_id=str(i), actor="a", reason="r", clock=clock)


@pytest.mark.usefixtures("served")
def test_champion_predecessor_and_challenger_are_protected_with_their_ancestry(
    store: FakeParameters, registry: Registry, lineage: Lineage, clock: FakeClock
) -> None:
    set_challenger(store, registry=registry, model="m4", actor="a", reason="r", clock=clock)
    found = protected_by(store, registry=registry, lineage=lineage)
    assert {name for i in (2, 3, 4) for name in (f"model:m{i}", f"file:f{i}", f"grader:g{i}")} == set(found)
    assert found["model:m3"] == "champion of weekly-maths"


@pytest.mark.usefixtures("served")
def test_after_a_rollback_both_sides_of_it_are_protected(
    store: FakeParameters, registry: Registry, lineage: Lineage, clock: FakeClock
) -> None:
    rollback(store, registry=registry, rollback_id="undo", actor="a", reason="r", clock=clock)
    found = protected_by(store, registry=registry, lineage=lineage)
    assert {"model:m1", "model:m2", "model:m3"} <= set(found)


@pytest.mark.usefixtures("served")
def test_a_clean_up_is_dry_until_it_is_told_otherwise(
    store: FakeParameters, registry: Registry, lineage: Lineage, clock: FakeClock
) -> None:
    stored = [Stored(kind="file", reference=f"file:f{i}", created_at=float(i)) for i in range(5)]
    stored += [Stored(kind="model", reference=f"model:m{i}", created_at=float(i)) for i in range(5)]
    plan = plan_clean_up(
        store,
        registries=[registry],
        lineage=lineage,
        stored=stored,
        policy=RetentionPolicy(keep_last=1),
        clock=clock,
    )
    gone: list[str] = []
    assert [one.reference for one in clean_up(plan, {"file": gone.append})] == ["file:f0", "file:f1"]
    assert gone == []
    clean_up(plan, {"file": gone.append}, is_dry_run=False)
    assert gone == ["f0", "f1"]


def test_without_a_champion_nothing_is_protected(store: FakeParameters, registry: Registry, lineage: Lineage) -> None:
    assert protected_by(store, registry=registry, lineage=lineage) == {}
