from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.errors import InvalidPolicy
from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPolicy, Stored, plan_removal

DAY = 86_400.0
NOW = 1000 * DAY


def stored(reference: str, *, age: float, refers_to: tuple[str, ...] = (), family: str = "") -> Stored:
    return Stored(
        kind=reference.split(":", maxsplit=1)[0],
        reference=reference,
        created_at=NOW - age * DAY,
        refers_to=refers_to,
        family=family,
    )


def plan(*things: Stored, protected: dict[str, str] | None = None, **policy: float) -> list[str]:
    policy = {"keep_days": 30, "keep_last": 1, **policy}
    found = plan_removal(things, protected=protected or {}, policy=RetentionPolicy(**policy), now=NOW)  # type: ignore[arg-type]
    assert {one.reference for one in things} == {one.reference for one in found.removed} | found.kept.keys()
    return [one.reference for one in found.removed]


def test_old_things_go_oldest_first_and_the_newest_stay() -> None:
    things = [stored(f"file:{age}", age=age) for age in (1, 40, 200, 100)]
    assert plan(*things) == ["file:200", "file:100", "file:40"]


def test_the_newest_of_every_family_stay_however_old() -> None:
    things = [stored(f"grader:{f}{age}", age=age, family=f) for f in "ab" for age in (500, 400, 300)]
    assert plan(*things) == ["grader:a500", "grader:b500", "grader:a400", "grader:b400"]
    assert plan(*things, keep_last=3) == []


def test_the_protected_stay_and_so_does_what_they_need() -> None:
    things = [
        stored("model:champion", age=900, refers_to=("grader:1",)),
        stored("model:newest", age=500),
        stored("grader:1", age=950, refers_to=("file:deep",)),
        stored("grader:9", age=400),
        stored("file:deep", age=990),
        stored("file:new", age=390),
        stored("model:old", age=950),
    ]
    assert plan(*things, protected={"model:champion": "champion"}) == ["model:old"]


def test_what_only_removed_things_need_goes_with_them() -> None:
    things = [
        stored("model:new", age=300),
        stored("model:old", age=900, refers_to=("file:old",)),
        stored("file:old", age=950),
        stored("file:new", age=300),
    ]
    assert plan(*things) == ["file:old", "model:old"]


def test_days_differ_by_kind() -> None:
    things = [stored(f"{kind}:{age}", age=age) for kind in ("file", "model") for age in (10, 50)]
    found = plan_removal(
        things,
        protected={},
        policy=RetentionPolicy(keep_days=90, keep_last=1, days_by_kind={"file": 20}),
        now=NOW,
    )
    assert [one.reference for one in found.removed] == ["file:50"]


@pytest.mark.parametrize("fields", [{"keep_days": -1}, {"keep_last": 0}, {"days_by_kind": {"file": -1}}])
def test_policies_that_would_remove_everything_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(InvalidPolicy):
        RetentionPolicy(**fields)  # type: ignore[arg-type]


@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    ages=st.lists(st.integers(0, 400), min_size=10, max_size=10),
    protected=st.sets(st.integers(0, 9), max_size=3),
)
def test_nothing_kept_ever_loses_what_it_refers_to(
    edges: list[tuple[int, int]], ages: list[int], protected: set[int]
) -> None:
    things = [
        stored(f"file:{i}", age=age, refers_to=tuple(f"file:{b}" for a, b in edges if a == i))
        for i, age in enumerate(ages)
    ]
    removed = set(plan(*things, protected={f"file:{i}": "champion" for i in protected}))
    assert not removed & {f"file:{i}" for i in protected}
    for one in things:
        if one.reference not in removed:
            assert not removed & set(one.refers_to)
