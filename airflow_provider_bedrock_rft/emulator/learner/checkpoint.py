"""The base checkpoint that the package ships."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.weights import load_weights

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray

BASE_PATH = Path(__file__).with_name("local-sim.weights")
RECIPE_PATH = Path(__file__).with_name("local-sim.recipe")


@lru_cache(maxsize=1)
def base_weights() -> FloatArray:
    """The base's weights, read once; not to be written to."""
    weights = load_weights(BASE_PATH.read_bytes())
    weights.flags.writeable = False
    return weights
