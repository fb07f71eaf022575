"""What the local stack's processes find in their environment, and where they listen."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.processes import LOOPBACK, reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.cli.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPorts:
    """Ports on the loopback interface."""

    emulator: int
    api: int
    worker_logs: int
    trigger_logs: int

    @classmethod
    def choose(cls) -> StackPorts:
        """Free ports, from the usual ones upwards."""
        return cls(
            emulator=reserve_port(8380),
            api=reserve_port(8080),
            worker_logs=reserve_port(8793),
            trigger_logs=reserve_port(8993),
        )

    def still_free(self) -> StackPorts:
        """These ports, and others in place of those that somebody has taken meanwhile."""
        return StackPorts(**{name: reserve_port(port) for name, port in asdict(self).items()})

    def to_json(self) -> Mapping[str, int]:
        """For the state file."""
        return asdict(self)


def emulator_environment() -> Mapping[str, str]:
    """The surroundings without anything of AWS: no real credential may ever reach the emulator or a grader."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}


def airflow_environment(stack: Stack) -> Mapping[str, str]:
    """Settings of all four components: SQLite and LocalExecutor in the stack's folder, on the stack's ports."""
    home = stack.home / "airflow"
    settings = {
        "CORE__DAGS_FOLDER": stack.dags,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__DEFAULT_TASK_RETRY_DELAY": 10,
        "CORE__FERNET_KEY": stack.fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{stack.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": LOOPBACK,
        "API__PORT": stack.ports.api,
        "API__BASE_URL": stack.airflow_url,
        "API__SECRET_KEY": stack.secret,
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": stack.secret,
        "LOGGING__WORKER_LOG_SERVER_PORT": stack.ports.worker_logs,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": stack.ports.trigger_logs,
        "WORKERS__EXECUTION_API_TIMEOUT": 60,  # the 5 s of Airflow are too few for a busy laptop's first task
        # on a laptop, a killed component is noticed within seconds and not minutes
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 2,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 30,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 10,
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": 15,
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 15,
    }
    return {
        **emulator_environment(),
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
    }
