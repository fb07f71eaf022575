from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.evaluation.shard import Shard


@given(samples=st.lists(st.integers(), max_size=50), of=st.integers(1, 9))
def test_every_sample_is_in_exactly_one_shard(samples: list[int], of: int) -> None:
    parts = [Shard.parse(f"{number}/{of}").part_of(samples) for number in range(1, of + 1)]
    assert sorted(sample for part in parts for sample in part) == sorted(samples)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3", "1/3/5"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no shard"):
        Shard.parse(text)
