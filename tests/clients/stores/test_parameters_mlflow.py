"""The registry in MLflow: the same exam as before SSM, on a database of MLflow's own. Needs the extra ``mlflow``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import InvalidInput, RequestRejected, ResourceConflict, RftError
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.promotion import (
    champion_of,
    history_of,
    promote,
    rollback,
    set_challenger,
)
from airflow_provider_bedrock_rft.core.steps.retention import every_registry

mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

from airflow_provider_bedrock_rft.clients.parameters_mlflow import KEY, MlflowParameters  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry

pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    return f"sqlite:///{folder}/registry.db"


@pytest.fixture
def store(uri: str) -> MlflowParameters:
    return MlflowParameters.at(uri)


def move(store: MlflowParameters, registry: Registry, model: str, **options: str) -> ChampionEntry:
    return promote(
        store,
        registry=registry,
        model=model,
        promotion_id=options.get("promotion_id", model),
        actor="tests",
        reason="because",
        clock=FakeClock(),
        expected_model=options.get("expected_model"),
    )


def test_an_entry_is_created_once(store: MlflowParameters) -> None:
    name = Registry(pipeline="once").entry(1)
    assert store.get(name) is None
    made = store.create(name, '{"model": "m"}')
    assert made.modified_at > 1.6e9
    with pytest.raises(ResourceConflict):
        store.create(name, "theirs")
    found = store.get(name)
    assert found
    assert found.value == '{"model": "m"}'
    assert [one.value for one in store.history(name)] == ['{"model": "m"}']


def test_of_concurrent_creates_exactly_one_wins(store: MlflowParameters) -> None:
    name = Registry(pipeline="race").entry(1)

    def attempt(number: int) -> bool:
        try:
            store.create(name, str(number))
        except ResourceConflict:
            return False
        except RequestRejected as error:  # the database is busy with the others
            assert "UNIQUE" in str(error) or "creation error" in str(error).lower() or "locked" in str(error)  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = sum(pool.map(attempt, range(8)))
    assert won == 1
    assert len(list(store.history(name))) == 1


def test_a_champion_is_an_alias_that_mlflow_users_can_read(store: MlflowParameters) -> None:
    registry = Registry(pipeline="tutor")
    assert champion_of(store, registry=registry) is None
    move(store, registry, "ft-one")
    move(store, registry, "ft-two", expected_model="ft-one")
    with pytest.raises(ResourceConflict, match="ft-two"):
        move(store, registry, "ft-three", expected_model="ft-one")
    assert move(store, registry, "ft-two").number == 2, "the same promotion moves nothing again"
    client = store._client
    assert client.get_model_version_by_alias("bedrock-rft.tutor", "champion").source == "bedrock-model:ft-two"
    restored = rollback(
        store, registry=registry, rollback_id="r", actor="me", reason="It is {{ worse }}.", clock=FakeClock()
    )
    assert (restored.model, restored.number, restored.action) == ("ft-one", 3, "rollback")
    assert client.get_model_version_by_alias("bedrock-rft.tutor", "champion").source == "bedrock-model:ft-one"
    assert [entry.model for entry in history_of(store, registry=registry)] == ["ft-one", "ft-two", "ft-one"]


def test_a_move_that_was_interrupted_is_finished_by_whoever_reads(store: MlflowParameters) -> None:
    registry = Registry(pipeline="interrupted")
    move(store, registry, "ft-one")
    move(store, registry, "ft-two")
    first = store.get(registry.entry(1))
    assert first
    store.put(registry.champion, first.value)
    found = champion_of(store, registry=registry)
    assert found
    assert found.model == "ft-two"
    now = store.get(registry.champion)
    assert now
    assert '"ft-two"' in now.value


def test_a_challenger_is_an_alias_too(store: MlflowParameters) -> None:
    registry = Registry(pipeline="challenged")
    for model in ("ft-a", "ft-b"):
        set_challenger(store, registry=registry, model=model, actor="me", reason="new", clock=FakeClock())
    assert store._client.get_model_version_by_alias("bedrock-rft.challenged", "challenger").source.endswith("ft-b")
    assert len(list(store.history(registry.challenger))) == 2


def test_the_ledger_stays_out_of_the_models_versions(store: MlflowParameters) -> None:
    registry = Registry(pipeline="ledger")
    store.create(registry.test("2026", 1), '{"number": 1}')
    move(store, registry, "ft-one")
    (version,) = store._client.search_model_versions("name='bedrock-rft.ledger'")
    assert version.tags[KEY] == "history/000001"
    assert set(store.names("/bedrock-rft/ledger")) == {
        registry.champion,
        registry.entry(1),
        registry.test("2026", 1),
    }
    assert registry in every_registry(store)
    assert list(store.names("/elsewhere")) == []


def test_what_is_deleted_is_gone(store: MlflowParameters) -> None:
    registry = Registry(pipeline="gone")
    move(store, registry, "ft-one")
    for _ in range(2):
        store.delete(registry.champion)
        store.delete(registry.entry(1))
    assert store.get(registry.champion) is None
    assert champion_of(store, registry=registry) is None
    store.delete(Registry(pipeline="never").champion)


def test_a_registered_model_of_somebody_elses_is_left_alone(store: MlflowParameters) -> None:
    store._client.create_registered_model("bedrock-rft.theirs")
    with pytest.raises(ResourceConflict, match="theirs"):
        move(store, Registry(pipeline="theirs"), "ft-one")


def test_an_alias_that_was_moved_by_hand_to_a_foreign_version_is_named(store: MlflowParameters) -> None:
    registry = Registry(pipeline="moved")
    move(store, registry, "ft-one")
    foreign = store._client.create_model_version("bedrock-rft.moved", source="s3://somewhere", await_creation_for=0)
    store._client.set_registered_model_alias("bedrock-rft.moved", "champion", foreign.version)
    with pytest.raises(InvalidInput, match="was not made here"):
        store.get(registry.champion)


@pytest.mark.parametrize("name", ["/bedrock-rft/tutor", "champion", "/x/y/other", "/bedrock-rft/tutor/history/x"])
def test_other_names_are_refused(store: MlflowParameters, name: str) -> None:
    with pytest.raises(InvalidInput, match="names nothing"):
        store.get(name)


def test_a_registry_that_cannot_be_used_is_an_error_of_ours() -> None:
    with pytest.raises(RftError):
        MlflowParameters.at("no-such-scheme://x").get(Registry(pipeline="x").champion)
