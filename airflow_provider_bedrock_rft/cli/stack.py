"""The emulator and Airflow on this machine, in one folder, started and stopped together.

The folder holds everything: the emulator's data, Airflow's home (SQLite), logs, and ``stack.json``, which names the
processes. It is written before each start is waited for, so that a killed command leaves nothing that cannot be found
again.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli import processes
from airflow_provider_bedrock_rft.cli.airflow_api import AirflowApi
from airflow_provider_bedrock_rft.cli.processes import LOOPBACK, Started
from airflow_provider_bedrock_rft.cli.stack_environment import StackPorts, airflow_environment, emulator_environment
from airflow_provider_bedrock_rft.core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USERNAME = "admin"
CONNECTION_ID = "aws_default"
REGION = "us-west-2"
ACCESS_KEY_ID = "AKIALOCALEMULATOR001"
SECRET_ACCESS_KEY = "local-emulator-secret"  # noqa: S105 -- opens nothing but the emulator on this machine
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
READY_SECONDS = 120.0
POLL_SECONDS = 0.25


@dataclass(slots=True, kw_only=True)
class Stack:
    """One local installation, running or not.

    Attributes:
        home: Its folder.
        ports: Where its parts listen.
        password: Of the user ``admin``.
        secret: Signs Airflow's internal tokens.
        fernet_key: Encrypts Airflow's connections.
        dags: Folder of the DAGs it runs.
        processes: What runs, by name.
        is_new: Its ports were chosen just now.
    """

    home: Path
    dags: Path
    ports: StackPorts
    password: str
    secret: str
    fernet_key: str
    processes: dict[str, Started] = field(default_factory=dict)
    is_new: bool = False

    @property
    def emulator_url(self) -> str:
        """Every AWS plane answers here."""
        return f"http://{LOOPBACK}:{self.ports.emulator}"

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and API."""
        return f"http://{LOOPBACK}:{self.ports.api}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the processes of a stack that is up."""
        return ("emulator", *COMPONENTS)

    @property
    def api(self) -> AirflowApi:
        """A session with Airflow's API."""
        return AirflowApi(self.airflow_url, username=USERNAME, password=self.password)

    def is_running(self, name: str) -> bool:
        """True while that part's process lives."""
        started = self.processes.get(name)
        return started is not None and processes.is_running(started)

    def start(self) -> None:
        """Start everything, and wait until it serves."""
        if not self.is_new:
            self.ports = self.ports.still_free()
        self.start_emulator()
        self.start_airflow()

    def start_emulator(self) -> None:
        """Start the emulator on its port and data, and wait until it serves."""
        command = processes.python_module(
            "airflow_provider_bedrock_rft.emulator",
            *("--port", str(self.ports.emulator), "--data-dir", str(self.home / "emulator")),
        )
        self._start("emulator", command, emulator_environment())
        self.wait_until("the emulator", lambda: _answers(f"{self.emulator_url}/_emulator/health"), needs="emulator")

    def start_airflow(self) -> None:
        """Migrate the database, start the four components, wait until all are healthy, and make the connection."""
        env = airflow_environment(self)
        self._write_password()
        self._start("db-migrate", processes.python_module("airflow", "db", "migrate"), env)
        self.wait_until("the database migration", lambda: not self.is_running("db-migrate"))
        self.processes.pop("db-migrate")
        for component in COMPONENTS:
            self.start_component(component)
        self.wait_until("Airflow", self.api.is_healthy, needs="api-server")
        self.api.put_connection(self.connection())

    def start_component(self, component: str) -> None:
        """Start (again) one of Airflow's components, without waiting."""
        self._start(component, processes.python_module("airflow", component), airflow_environment(self))

    def connection(self) -> Mapping[str, object]:
        """The ordinary Airflow AWS connection that points at the emulator."""
        return {
            "connection_id": CONNECTION_ID,
            "conn_type": "aws",
            "login": ACCESS_KEY_ID,
            "password": SECRET_ACCESS_KEY,
            "extra": json.dumps({"region_name": REGION, "endpoint_url": self.emulator_url}),
        }

    def stop(self) -> None:
        """Stop everything that runs, Airflow first."""
        running = list(self.processes.values())
        processes.stop([started for started in running if started.name != "emulator"])
        processes.stop(running)
        self.processes.clear()
        self.save()

    def wait_until(self, what: str, is_ready: Callable[[], bool], *, needs: str = "") -> None:
        """Poll until ``is_ready``.

        Raises:
            ServiceUnavailable: The process it ``needs`` died, or it took longer than two minutes.
        """
        give_up_at = time.monotonic() + READY_SECONDS
        while not is_ready():
            if needs and not self.is_running(needs):
                raise ServiceUnavailable(f"{what} stopped: {self._last_line(needs)}", action=f"See {self._log(needs)}.")
            if time.monotonic() > give_up_at:
                raise ServiceUnavailable(
                    f"{what} is not ready after {READY_SECONDS:.0f} s.", action=f"See {self.home / 'logs'}."
                )
            time.sleep(POLL_SECONDS)  # noqa: TID251 -- a person waits at a terminal

    def save(self) -> None:
        """Write ``stack.json`` in one step."""
        state = {
            "dags": str(self.dags),
            "ports": self.ports.to_json(),
            "password": self.password,
            "secret": self.secret,
            "fernet_key": self.fernet_key,
            "processes": [started.to_json() for started in self.processes.values()],
        }
        draft = self.home / "stack.json.new"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(state, indent=2), encoding="utf-8")
        draft.replace(self.home / "stack.json")

    def _start(self, name: str, command: list[str], env: Mapping[str, str]) -> None:
        self.processes[name] = processes.start(name, command, env=env, log=self._log(name))
        self.save()

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _last_line(self, name: str) -> str:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it left no message."

    def _write_password(self) -> None:
        airflow_home = self.home / "airflow"
        airflow_home.mkdir(parents=True, exist_ok=True)
        passwords = airflow_home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({USERNAME: self.password}), encoding="utf-8")


def example_dags() -> Path:
    """The example DAGs that are installed with this package."""
    import airflow_provider_bedrock_rft

    package = Path(airflow_provider_bedrock_rft.__file__).parent
    installed = package / "example_dags"
    return installed if installed.is_dir() else package.parent / "example_dags"


def open_stack(home: Path, dags: Path) -> Stack:
    """The stack in ``home``: the one that is there, or a new one."""
    home.mkdir(parents=True, exist_ok=True)
    state_file = home / "stack.json"
    if not state_file.exists():
        return Stack(
            home=home,
            dags=dags,
            ports=StackPorts.choose(),
            password=secrets.token_urlsafe(9),
            secret=secrets.token_urlsafe(32),
            fernet_key=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            is_new=True,
        )
    state = json.loads(state_file.read_text(encoding="utf-8"))
    return Stack(
        home=home,
        dags=dags,
        ports=StackPorts(**state["ports"]),
        password=state["password"],
        secret=state["secret"],
        fernet_key=state["fernet_key"],
        processes={item["name"]: Started(**item) for item in state["processes"]},
    )


def _answers(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 -- our own loopback server
            return bool(response.status == 200)
    except OSError:
        return False
