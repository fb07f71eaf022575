"""``/_emulator``: what tests and tools may ask of the emulator itself. It asks for no credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.emulator.exchange import Json, Reply, reply
from airflow_provider_bedrock_rft.emulator.faults import Faults, InvalidFault
from airflow_provider_bedrock_rft.emulator.training.state import Phase

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.settings import Settings
    from airflow_provider_bedrock_rft.emulator.training.engine import TrainingEngine

PREFIX = "/_emulator"


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far to move on, in emulated seconds."""

    advance_seconds: float


class Control:
    """Health, settings, time, faults, and the inside of jobs."""

    def __init__(self, settings: Settings, clock: EmulatorClock, faults: Faults, engine: TrainingEngine) -> None:
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._engine = engine
        self.training = settings.training

    async def handle(self, method: str, path: str, body: bytes) -> Reply:
        """Answer a request below ``/_emulator``."""
        first, *rest = path.removeprefix(PREFIX).strip("/").split("/")
        try:
            answer = self._route(method, first, rest, body)
        except (InvalidFault, msgspec.DecodeError, ValueError) as error:
            return reply({"message": str(error)}, 400)
        return reply({"message": f"There is no {method} {path}."}, 404) if answer is None else reply(answer)

    def _route(self, method: str, first: str, rest: list[str], body: bytes) -> object | None:  # noqa: PLR0911 -- a table
        match method, first:
            case "GET", "health":
                return self._health()
            case "GET", "settings":
                return self._all_settings()
            case "PATCH", "settings":
                return self._change_training(_object(body))
            case "GET", "clock":
                return {"now": self._clock.now(), "speed": self._clock.speed}
            case "POST", "clock":
                return {"now": self._clock.advance(msgspec.json.decode(body, type=_Advance).advance_seconds)}
            case _, "faults":
                return self._faults_route(method, rest, body)
            case "GET", "jobs":
                return self._jobs(rest)
            case _:
                return None

    def _health(self) -> Json:
        phases = [run.state.phase for run in self._engine.open_jobs()]
        return {
            "status": "ok",
            "now": self._clock.now(),
            "jobs": {phase.value: phases.count(phase) for phase in Phase if not phase.is_final},
        }

    def _all_settings(self) -> Json:
        settings = self._settings
        return {
            "host": settings.host,
            "data_dir": str(settings.data_dir),
            "seed": settings.seed,
            "speed": settings.speed,
            "training": msgspec.to_builtins(self.training),
        }

    def _change_training(self, changes: Json) -> Json:
        """New training settings, for jobs that are created from now on (``slots`` only counts at the start)."""
        self.training = self.training.changed(changes)
        return self._all_settings()

    def _faults_route(self, method: str, rest: list[str], body: bytes) -> object | None:
        match method, rest:
            case "GET", []:
                return {"rules": self._faults.rules}
            case "POST", []:
                return self._faults.add(_object(body))
            case "DELETE", []:
                self._faults.clear()
                return {"rules": []}
            case "DELETE", [rule_id]:
                return {"deleted": True} if self._faults.remove(rule_id) else None
            case "GET", ["log"]:
                return {"taken": list(self._faults.log)}
            case _:
                return None

    def _jobs(self, rest: list[str]) -> object | None:
        if not rest:
            return {"jobs": self._engine.open_jobs()}
        return self._engine.find(rest[0])


def _object(body: bytes) -> Json:
    value = msgspec.json.decode(body)
    if not isinstance(value, dict):
        raise ValueError("Expected a JSON object.")  # noqa: TRY004 -- told to the caller as a bad request
    return value
