from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison, compare
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores
from airflow_provider_bedrock_rft.core.promotion.policy import PromotionPolicy
from airflow_provider_bedrock_rft.core.steps.ledger import tests_of as entries_of
from airflow_provider_bedrock_rft.core.steps.promotion import decide

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import FakeClock
    from airflow_provider_bedrock_rft.core.promotion.decision import Decision
    from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
    from tests.core.steps.promotion.conftest import FakeParameters

YEARLY = PromotionPolicy(yearly_risk=0.1, runs_per_year=10)
YEAR = "2026"


def comparison(wins: int, losses: int, *, seed: int = 0) -> Comparison:
    def side(scores: list[float]) -> list[SampleScores]:
        return [SampleScores(sample_id=f"s{i}", scores=(score,)) for i, score in enumerate(scores)]

    ties = [1.0] * (100 - wins - losses)
    return compare(side([0.0] * wins + [1.0] * losses + ties), side([1.0] * wins + [0.0] * losses + ties), seed=seed)


class Judge(Protocol):
    def __call__(self, found: Comparison, policy: PromotionPolicy = ...) -> Decision: ...


@pytest.fixture
def judge(store: FakeParameters, registry: Registry, clock: FakeClock) -> Judge:
    def run(found: Comparison, policy: PromotionPolicy = YEARLY) -> Decision:
        return decide(store, registry=registry, comparison=found, policy=policy, test_id="run", clock=clock)

    return run


def test_without_a_yearly_risk_no_ledger_is_kept(judge: Judge, store: FakeParameters) -> None:
    assert judge(comparison(20, 5), PromotionPolicy()).alpha == 0.05
    assert not store.versions


def test_every_comparison_is_entered_once(judge: Judge, store: FakeParameters, registry: Registry) -> None:
    first = judge(comparison(12, 8))
    assert judge(comparison(12, 8)) == first
    assert len(list(entries_of(store, registry=registry, year=YEAR))) == 1
    judge(comparison(13, 8))
    assert len(list(entries_of(store, registry=registry, year=YEAR))) == 2
    assert first.alpha == pytest.approx(0.01)


def test_the_bound_holds_where_a_single_test_would_promote(judge: Judge) -> None:
    found = comparison(14, 5)
    assert found.p_value <= 0.05
    assert judge(found).verdict.value == "hold"
    assert judge(found, PromotionPolicy()).verdict.value == "promote"


def test_a_new_year_begins_anew(judge: Judge, clock: FakeClock) -> None:
    for i in range(11):
        last = judge(comparison(10, 8, seed=i))
    assert last.alpha == 0.0
    clock.sleep(366 * 86_400)
    assert judge(comparison(10, 8, seed=99)).alpha == pytest.approx(0.01)


def test_concurrent_tests_take_numbers_of_their_own(judge: Judge, store: FakeParameters, registry: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: judge(comparison(10, 8, seed=i)), range(8)))
    entries = list(entries_of(store, registry=registry, year=YEAR))
    assert [entry.number for entry in entries] == list(range(1, 9))
    assert len({entry.comparison for entry in entries}) == 8
