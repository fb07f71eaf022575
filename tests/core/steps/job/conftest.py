from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters

if TYPE_CHECKING:
    from types import ModuleType


def _load(name: str) -> ModuleType:
    path = Path(__file__).parents[3] / "fakes" / f"{name}.py"
    key = f"tests_fakes_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, path)
        assert spec
        assert spec.loader
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    return _load("training")


@pytest.fixture(scope="session")
def spec() -> JobSpec:
    return JobSpec(
        model="openai.gpt-oss-20b",
        training_data="file-1",
        grader_arn="arn:aws:lambda:us-west-2:123456789012:function:grader:1",
        hyperparameters=RftHyperparameters(n_epochs=1, batch_size=4, learning_rate_multiplier=1.0),
        dataset_fingerprint="d" * 64,
    )
