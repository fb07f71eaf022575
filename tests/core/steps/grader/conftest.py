from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.grader.package import GraderPackage, GraderSource, build_package

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


@pytest.fixture
def fakes() -> ModuleType:
    return _load("functions")


@pytest.fixture
def package() -> GraderPackage:
    return _package(b"def lambda_handler(event, context): return []\n")


@pytest.fixture
def other_package() -> GraderPackage:
    return _package(b"def lambda_handler(event, context): return [1]\n")


def _package(code: bytes) -> GraderPackage:
    source = GraderSource(origin="g.py:lambda_handler", files={"g.py": code}, handler="g.lambda_handler")
    return build_package(source)
