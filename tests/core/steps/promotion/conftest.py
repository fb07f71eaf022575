"""A parameter store in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import ResourceConflict
from airflow_provider_bedrock_rft.core.ports import Parameter
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class FakeParameters:
    """Versions per name; dies before or after a write when it is told to."""

    versions: dict[str, list[Parameter]] = field(default_factory=dict)
    dies_before: str = ""
    dies_after: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, name: str) -> Parameter | None:
        with self.lock:
            return self.versions[name][-1] if name in self.versions else None

    def create(self, name: str, value: str) -> Parameter:
        with self.lock:
            if name in self.versions:
                raise ResourceConflict(f"{name} exists.")
            return self.put(name, value)

    def put(self, name: str, value: str) -> Parameter:
        with self.lock:
            if self.dies_before and self.dies_before in name:
                self.dies_before = ""
                raise KeyboardInterrupt
            found = self.versions.setdefault(name, [])
            found.append(Parameter(name=name, value=value, version=len(found) + 1, modified_at=0.0))
            if self.dies_after and self.dies_after in name:
                self.dies_after = ""
                raise KeyboardInterrupt
            return found[-1]

    def names(self, prefix: str) -> Iterator[str]:
        return iter([name for name in self.versions if name.startswith(f"{prefix.rstrip('/')}/")])

    def history(self, name: str) -> Iterator[Parameter]:
        return iter(self.versions.get(name, []))

    def delete(self, name: str) -> None:
        self.versions.pop(name, None)


@pytest.fixture
def store() -> FakeParameters:
    return FakeParameters()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry() -> Registry:
    return Registry(pipeline="weekly-maths")
