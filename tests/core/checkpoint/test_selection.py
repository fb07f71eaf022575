from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.checkpoint.selection import (
    CheckpointChoice,
    CheckpointScore,
    SelectionRule,
    choose_best,
    choose_latest,
    choose_within_one_standard_error,
)
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.steps.checkpoint import list_checkpoints, select_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


def checkpoint(step: int, *, model: str = "", created_at: float = 0.0) -> Checkpoint:
    return Checkpoint(
        checkpoint_id=f"ckpt-{step}", job_id="j", step=step, model=model or f"m:{step}", created_at=created_at
    )


def score(step: int, mean: float, error: float = 0.02) -> CheckpointScore:
    return CheckpointScore(checkpoint=checkpoint(step), mean=mean, standard_error=error, n=100)


@dataclass
class Listing:
    """The checkpoint half of a TrainingService."""

    checkpoints: list[Checkpoint] = field(default_factory=list)

    def list_checkpoints(self, job_id: str) -> Iterator[Checkpoint]:
        assert job_id == "j"
        return iter(self.checkpoints)


def test_the_latest_is_of_the_highest_step() -> None:
    choice = choose_latest([checkpoint(40), checkpoint(67), checkpoint(20)])
    assert (choice.checkpoint.step, choice.model, choice.n_considered) == (67, "m:67", 3)


def test_of_equally_good_ones_the_earliest_is_best() -> None:
    choice = choose_best([score(60, 0.8), score(20, 0.8), score(40, 0.7)])
    assert choice.checkpoint.step == 20


def test_one_standard_error_prefers_the_earliest_that_cannot_be_told_from_the_best() -> None:
    scores = [score(20, 0.70), score(40, 0.785), score(60, 0.80), score(67, 0.79)]
    choice = choose_within_one_standard_error(scores)
    assert choice.checkpoint.step == 40
    assert choice.reason == (
        "Step 40 (0.785 ± 0.02) is the earliest of 4 checkpoints within one standard error of the best,"
        " step 60 (0.8 ± 0.02)."
    )


def test_without_noise_one_standard_error_is_the_best() -> None:
    scores = [score(20, 0.79, 0.0), score(40, 0.8, 0.0)]
    assert choose_within_one_standard_error(scores).checkpoint == choose_best(scores).checkpoint


@given(
    st.lists(st.tuples(st.integers(1, 99), st.floats(-1, 1), st.floats(0, 0.5)), min_size=1, unique_by=lambda s: s[0])
)
def test_one_standard_error_is_never_later_nor_much_worse_than_the_best(raw: list[tuple[int, float, float]]) -> None:
    scores = [score(*one) for one in raw]
    best, chosen = choose_best(scores), choose_within_one_standard_error(scores)
    by_step = {one.checkpoint.step: one for one in scores}
    top = by_step[best.checkpoint.step]
    assert chosen.checkpoint.step <= best.checkpoint.step
    assert by_step[chosen.checkpoint.step].mean >= top.mean - top.standard_error


@pytest.mark.parametrize("choose", [choose_latest, choose_best, choose_within_one_standard_error])
def test_nothing_to_choose_from(choose: object) -> None:
    with pytest.raises(InvalidInput, match="no checkpoint to choose from"):
        choose([])  # type: ignore[operator]


@pytest.mark.parametrize("bad", [score(20, float("nan")), score(20, 0.5, float("inf"))])
def test_a_score_that_is_none_is_named(bad: CheckpointScore) -> None:
    with pytest.raises(InvalidInput, match="step 20 has no usable score"):
        choose_best([score(40, 0.5), bad])


def test_a_listing_is_put_in_order_and_each_step_counted_once() -> None:
    uncallable = Checkpoint(checkpoint_id="x", job_id="j", step=50, model="", created_at=0)
    listing = Listing(
        [checkpoint(40), uncallable, checkpoint(20, model="old"), checkpoint(20, model="new", created_at=5)]
    )
    found = list_checkpoints(listing, "j")  # type: ignore[arg-type]
    assert [(one.step, one.model) for one in found] == [(20, "new"), (40, "m:40")]


def test_selecting_by_score_asks_for_every_checkpoint_once() -> None:
    asked: list[int] = []

    def measure(one: Checkpoint) -> CheckpointScore:
        asked.append(one.step)
        return score(one.step, one.step / 100)

    listing = Listing([checkpoint(20), checkpoint(40)])
    choice = select_checkpoint(listing, "j", rule=SelectionRule.BEST, score=measure)  # type: ignore[arg-type]
    assert (choice.checkpoint.step, asked) == (40, [20, 40])
    assert codec.load(CheckpointChoice, codec.dump(choice)) == choice


def test_the_latest_needs_no_scores_and_the_others_do() -> None:
    listing = Listing([checkpoint(20)])
    assert select_checkpoint(listing, "j").checkpoint.step == 20  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="'best' needs scores"):
        select_checkpoint(listing, "j", rule=SelectionRule.BEST)  # type: ignore[arg-type]
