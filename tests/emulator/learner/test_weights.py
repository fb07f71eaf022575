from __future__ import annotations

import numpy as np
import pytest

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import BASE_PATH, RECIPE_PATH, base_weights
from airflow_provider_bedrock_rft.emulator.learner.features import DIMENSION
from airflow_provider_bedrock_rft.emulator.learner.pretraining.fitting import make_base
from airflow_provider_bedrock_rft.emulator.learner.pretraining.recipe import recipe_digest
from airflow_provider_bedrock_rft.emulator.learner.weights import (
    MalformedWeights,
    dump_weights,
    load_weights,
    zero_weights,
)


def test_weights_come_back_exactly() -> None:
    weights = np.where(np.arange(DIMENSION) % 3 == 0, np.random.default_rng(1).normal(size=DIMENSION), 0).astype(
        np.float32
    )
    blob = dump_weights(weights)
    assert np.array_equal(load_weights(blob), weights)
    assert dump_weights(load_weights(blob)) == blob
    assert len(dump_weights(zero_weights())) < 100


@pytest.mark.parametrize(
    "blob", [b"", b"other", dump_weights(zero_weights())[:-3], b"local-sim/1\nx", dump_weights(zero_weights())[:14]]
)
def test_other_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(MalformedWeights, match="not weights of local-sim"):
        load_weights(blob)


def test_the_base_is_small_and_cannot_be_written_to() -> None:
    assert BASE_PATH.stat().st_size <= 100_000
    with pytest.raises(ValueError, match="read-only"):
        base_weights()[0] = 1


def test_the_base_was_made_from_this_code() -> None:
    """If this fails: run ``python -m airflow_provider_bedrock_rft.emulator.learner.pretraining`` and commit its files."""
    assert RECIPE_PATH.read_text().strip() == recipe_digest()


def test_the_script_makes_the_shipped_base() -> None:
    shipped, made = base_weights(), make_base()
    assert float((shipped == made).mean()) > 0.999  # machines may differ in the last bit before rounding
    assert float(np.corrcoef(shipped, made)[0, 1]) > 0.999
