from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.dataset.split import split_records
from airflow_provider_bedrock_rft.core.errors import InvalidInput


def record(number: int, **metadata: object) -> Record:
    messages = (Message(role="user", content=f"Question {number}"),)
    return Record(record_id=f"r{number}", messages=messages, reference="x", metadata=metadata, has_own_id=True)


@given(st.integers(0, 200), st.integers(), st.integers(1, 20))
def test_every_record_is_on_one_side_and_groups_stay_together(n_records: int, seed: int, n_documents: int) -> None:
    records = [record(number, document=number % n_documents) for number in range(n_records)]
    split = split_records(
        records, seed=seed, fractions={"train": 0.7, "test": 0.3}, group_by="document" if records else None
    )
    assert Counter(r.record_id for part in split.parts.values() for r in part) == Counter(r.record_id for r in records)
    sides = [{r.metadata["document"] for r in part} for part in split.parts.values()]
    assert not sides[0] & sides[1]


def test_fractions_are_kept_within_each_stratum() -> None:
    records = [record(number, level="easy" if number < 300 else "hard") for number in range(400)]
    split = split_records(records, seed=3, stratify_by="level")
    counts = {name: Counter(str(r.metadata["level"]) for r in part) for name, part in split.parts.items()}
    assert counts == {
        "train": {"easy": 240, "hard": 80},
        "validation": {"easy": 30, "hard": 10},
        "test": {"easy": 30, "hard": 10},
    }


def test_the_same_seed_gives_the_same_parts_and_another_seed_others() -> None:
    records = [record(number) for number in range(100)]
    assert split_records(records, seed=1).parts == split_records(records, seed=1).parts
    assert split_records(records, seed=1)["test"] != split_records(records, seed=2)["test"]


def test_equal_prompts_stay_together() -> None:
    records = [record(number % 10) for number in range(100)]
    split = split_records(records, seed=1, fractions={"a": 0.5, "b": 0.5})
    assert not {r.prompt for r in split["a"]} & {r.prompt for r in split["b"]}


@pytest.mark.parametrize("fractions", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}])
def test_fractions_that_make_no_whole_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="add up to 1"):
        split_records([], seed=1, fractions=fractions)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'topic'"):
        split_records([record(1)], seed=1, group_by="topic")
