from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import (
    InvalidIdentifier,
    InvalidInput,
    InvalidPayload,
    ResourceConflict,
)
from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry, Registry
from airflow_provider_bedrock_rft.core.steps.promotion import (
    champion_of,
    history_of,
    promote,
    rollback,
    set_challenger,
)

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import FakeClock
    from tests.core.steps.promotion.conftest import FakeParameters


class Move(Protocol):
    def __call__(self, model: str, promotion_id: str = "", *, expected: str | None = None) -> ChampionEntry: ...


@pytest.fixture
def move(store: FakeParameters, registry: Registry, clock: FakeClock) -> Move:
    def run(model: str, promotion_id: str = "", *, expected: str | None = None) -> ChampionEntry:
        return promote(
            store,
            registry=registry,
            model=model,
            promotion_id=promotion_id or f"promote-{model}",
            actor="tester",
            reason="better",
            clock=clock,
            expected_model=expected,
        )

    return run


@pytest.fixture
def restore(store: FakeParameters, registry: Registry, clock: FakeClock) -> Move:
    def run(model: str, promotion_id: str = "", *, expected: str | None = None) -> ChampionEntry:
        assert expected is None
        return rollback(
            store, registry=registry, rollback_id=promotion_id or model, actor="tester", reason="worse", clock=clock
        )

    return run


def alias(store: FakeParameters, registry: Registry) -> dict[str, object]:
    parameter = store.get(registry.champion)
    assert parameter is not None
    found: dict[str, object] = json.loads(parameter.value)
    return found


def test_an_application_reads_the_model_from_the_alias(move: Move, store: FakeParameters, registry: Registry) -> None:
    entry = move("m1")
    assert store.get("/bedrock-rft/weekly-maths/champion") is not None
    found = alias(store, registry)
    assert found["model"] == "m1"
    assert found["actor"] == "tester"
    assert found["reason"] == "better"
    assert codec.load(ChampionEntry, found) == entry


def test_nobody_is_champion_at_first(store: FakeParameters, registry: Registry) -> None:
    assert champion_of(store, registry=registry) is None
    assert list(history_of(store, registry=registry)) == []


def test_the_history_is_kept(move: Move, store: FakeParameters, registry: Registry) -> None:
    move("m1")
    move("m2")
    assert [(entry.number, entry.model, entry.previous_model) for entry in history_of(store, registry=registry)] == [
        (2, "m2", "m1"),
        (1, "m1", ""),
    ]


def test_a_retry_promotes_once(move: Move, store: FakeParameters, registry: Registry) -> None:
    assert move("m1", "run-1") == move("m1", "run-1")
    assert len(list(history_of(store, registry=registry))) == 1


def test_a_late_retry_does_not_undo_a_newer_promotion(move: Move, store: FakeParameters, registry: Registry) -> None:
    move("m1", "run-1")
    move("m2", "run-2")
    assert move("m1", "run-1").number == 1
    assert alias(store, registry)["model"] == "m2"


def test_a_champion_that_changed_meanwhile_is_not_overwritten(move: Move) -> None:
    move("m1", expected="")
    with pytest.raises(ResourceConflict, match="is m1; the candidate was compared with nobody"):
        move("m2", expected="")
    with pytest.raises(ResourceConflict, match="compared with m0"):
        move("m2", expected="m0")
    assert move("m2", expected="m1").number == 2


@pytest.mark.parametrize("place", ["dies_before", "dies_after"])
@pytest.mark.parametrize("parameter", ["history/000002", "champion"])
def test_a_crash_half_way_is_finished_by_whoever_comes_next(
    move: Move, store: FakeParameters, registry: Registry, place: str, parameter: str
) -> None:
    move("m1")
    setattr(store, place, parameter)
    with pytest.raises(KeyboardInterrupt):
        move("m2", "run-2", expected="m1")
    was_claimed = store.get(registry.entry(2)) is not None
    found = champion_of(store, registry=registry)
    assert found is not None
    assert found.model == ("m2" if was_claimed else "m1")
    assert alias(store, registry)["model"] == found.model
    move("m2", "run-2", expected="m1")
    assert alias(store, registry)["model"] == "m2"
    assert len(list(history_of(store, registry=registry))) == 2


def test_an_alias_overtaken_by_a_slow_writer_is_repaired(move: Move, store: FakeParameters, registry: Registry) -> None:
    move("m1")
    old = store.get(registry.champion)
    assert old is not None
    move("m2")
    store.put(registry.champion, old.value)
    found = champion_of(store, registry=registry)
    assert found is not None
    assert found.model == "m2"
    assert alias(store, registry)["model"] == "m2"


def test_of_concurrent_pipelines_exactly_one_wins(move: Move, store: FakeParameters, registry: Registry) -> None:
    def attempt(i: int) -> bool:
        try:
            move(f"m{i}", expected="")
        except ResourceConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert len(list(history_of(store, registry=registry))) == 1


def test_concurrent_retries_of_one_promotion_make_one_entry(
    move: Move, store: FakeParameters, registry: Registry
) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({entry.number for entry in pool.map(lambda _i: move("m", "run-1", expected=""), range(8))}) == 1
    assert len(list(history_of(store, registry=registry))) == 1


def test_a_rollback_restores_the_champion_before(move: Move, restore: Move, store: FakeParameters) -> None:
    move("m1")
    move("m2")
    entry = restore("undo-1")
    assert (entry.model, entry.previous_model, entry.action, entry.number) == ("m1", "m2", "rollback", 3)
    assert alias(store, Registry(pipeline="weekly-maths"))["model"] == "m1"


def test_a_second_rollback_goes_one_further_back(move: Move, restore: Move) -> None:
    for model in ("m1", "m2", "m3"):
        move(model)
    assert restore("undo-1").model == "m2"
    assert restore("undo-1").model == "m2"
    assert restore("undo-2").model == "m1"
    with pytest.raises(InvalidInput, match="no earlier champion"):
        restore("undo-3")


def test_a_promotion_after_a_rollback_returns_to_what_served(move: Move, restore: Move) -> None:
    move("m1")
    move("m2")
    restore("undo-1")
    move("m3")
    assert restore("undo-2").model == "m1"


def test_a_rollback_without_champion_is_refused(restore: Move) -> None:
    with pytest.raises(InvalidInput, match="no earlier champion"):
        restore("undo-1")


def test_reasons_fit_into_a_parameter(store: FakeParameters, registry: Registry, clock: FakeClock) -> None:
    entry = promote(
        store, registry=registry, model="m", promotion_id="p", actor="a", reason="{{ssm:x}}" * 1000, clock=clock
    )
    assert "{{" not in entry.reason
    assert len(entry.reason) == 600


def test_too_much_lineage_is_refused(store: FakeParameters, registry: Registry, clock: FakeClock) -> None:
    with pytest.raises(InvalidInput, match="a parameter holds 4,096"):
        promote(
            store,
            registry=registry,
            model="m",
            promotion_id="p",
            actor="a",
            reason="r",
            clock=clock,
            lineage={f"k{i}": "0" * 64 for i in range(100)},
        )


def test_a_foreign_value_is_named(store: FakeParameters, registry: Registry) -> None:
    store.put(registry.champion, "hello")
    with pytest.raises(InvalidPayload, match="/bedrock-rft/weekly-maths/champion"):
        champion_of(store, registry=registry)


@pytest.mark.parametrize("pipeline", ["", "a/b", "x" * 101, "ä"])
def test_bad_pipeline_names_are_refused(pipeline: str) -> None:
    with pytest.raises(InvalidIdentifier):
        Registry(pipeline=pipeline)


def test_a_challenger_is_named(store: FakeParameters, registry: Registry, clock: FakeClock) -> None:
    set_challenger(store, registry=registry, model="m9", actor="a", reason="held", clock=clock)
    parameter = store.get(registry.challenger)
    assert parameter is not None
    assert json.loads(parameter.value)["model"] == "m9"


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_champion_is_what_a_stack_of_models_says(
    store: FakeParameters, clock: FakeClock, data: st.DataObject
) -> None:
    store.versions.clear()
    registry = Registry(pipeline="p")
    stack: list[str] = []
    for i, what in enumerate(data.draw(st.lists(st.sampled_from(["a", "b", "c", "rollback"]), max_size=12))):
        if what != "rollback":
            promote(store, registry=registry, model=what, promotion_id=str(i), actor="a", reason="r", clock=clock)
            stack += [what] if stack[-1:] != [what] else []
        elif len(stack) > 1:
            rollback(store, registry=registry, rollback_id=str(i), actor="a", reason="r", clock=clock)
            stack.pop()
        found = champion_of(store, registry=registry)
        assert (found.model if found else None) == (stack[-1] if stack else None)
