from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.config import ClientConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

REGION = "us-west-2"
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    path = Path(__file__).parents[1] / "fakes" / "training.py"
    if "tests_fakes_training" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tests_fakes_training", path)
        assert spec
        assert spec.loader
        sys.modules["tests_fakes_training"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["tests_fakes_training"])
    return sys.modules["tests_fakes_training"]


@dataclass
class FakeTi:
    """A running task instance: what operators of ours use of it."""

    dag_id: str = "tutor"
    task_id: str = "train"
    run_id: str = "manual__1"
    map_index: int | None = -1
    try_number: int = 1
    max_tries: int = 2
    xcoms: dict[str, object] = field(default_factory=dict)
    task: Any = None
    states: dict[str, str | None] = field(default_factory=dict)
    pushed_by: dict[tuple[str, str], object] = field(default_factory=dict)

    def get_task_states(self, *, dag_id: str, run_ids: list[str], task_ids: list[str], map_index: int | None) -> Any:
        assert (dag_id, run_ids, map_index) == (self.dag_id, [self.run_id], None)
        return {self.run_id: {name: self.states[name] for name in task_ids if name in self.states}}

    def get_first_reschedule_date(self, _context: Any) -> None:
        return None

    def xcom_pull(self, *, task_ids: str, key: str) -> object:
        return self.pushed_by.get((task_ids, key))

    def xcom_push(self, key: str, value: object) -> None:
        json.dumps(value, allow_nan=False)  # what Airflow would refuse, we refuse
        self.xcoms[key] = value


@dataclass
class FakeStateStore:
    """Airflow's task state store: JSON in, JSON out, never None."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> object:
        return json.loads(self.values[key]) if key in self.values else None

    def set(self, key: str, value: object, *, retention: object = None) -> None:  # noqa: ARG002
        assert value is not None
        self.values[key] = json.dumps(value, allow_nan=False)


@dataclass
class OutletEvent:
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class OutletEvents:
    """By asset, as Airflow's accessors are."""

    by_uri: dict[str, OutletEvent] = field(default_factory=dict)

    def __getitem__(self, asset: Any) -> OutletEvent:
        return self.by_uri.setdefault(asset.uri, OutletEvent())


@dataclass
class Run:
    """One task's context; its tries share the state store."""

    ti: FakeTi = field(default_factory=FakeTi)
    state: FakeStateStore | None = field(default_factory=FakeStateStore)
    outlet_events: OutletEvents = field(default_factory=OutletEvents)

    def context(self, task: object) -> Any:
        found: dict[str, object] = {"ti": self.ti, "task": task, "outlet_events": self.outlet_events}
        if self.state is not None:
            found["task_state_store"] = self.state
        return found

    def cleared(self) -> None:
        """What Airflow does when a person clears the task."""
        self.ti.max_tries = self.ti.try_number + 2
        self.ti.try_number += 1
        self.ti.xcoms.clear()


HAS_STATE_STORE = AIRFLOW >= (3, 3)


@pytest.fixture
def run() -> Run:
    return Run(state=FakeStateStore() if HAS_STATE_STORE else None)


@pytest.fixture(scope="session")
def new_run() -> Callable[[str], Run]:
    return lambda task_id: Run(ti=FakeTi(task_id=task_id), state=None)


@dataclass
class FakeHook:
    """Ports to choose from, behind the hook's names."""

    training: Any = None
    native_training: Any = None
    runtime: Any = None
    functions: Any = None
    roles: Any = None
    objects: Any = None
    parameters: Any = None
    endpoint_url: str = ""
    intent_stores: dict[str, Any] = field(default_factory=dict)

    @property
    def client_config(self) -> ClientConfig:
        return ClientConfig(region=REGION, endpoint_url=self.endpoint_url)

    @property
    def region_name(self) -> str:
        return REGION

    def intents(self, uri: str) -> Any:
        return self.intent_stores[uri]


@pytest.fixture
def fake_hook() -> type[FakeHook]:
    return FakeHook


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of an emulator process that no other module writes to."""
    command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--port", "0", "--speed", "200"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(tmp_path_factory.mktemp("emulator"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield line.split()[1]
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def aws_conn_id(emulator: str) -> Iterator[str]:
    """An Airflow connection to the emulator; its id is new, since triggers keep what they opened under an old one."""
    connection: Mapping[str, object] = {
        "conn_type": "aws",
        "login": "AKIALOCALEMULATOR001",
        "password": "local-emulator-secret",
        "extra": {"region_name": REGION, "endpoint_url": emulator},
    }
    conn_id = f"emulator_{uuid.uuid4().hex[:8]}"
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
    yield conn_id
    del os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"]


@pytest.fixture
def pull(run: Run) -> Callable[[str], object]:
    return lambda key: run.ti.xcoms[key]
