"""Mantle's JSON and our values, both ways. Tolerant of fields that are missing, null or new."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.errors import InvalidJobSpec
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.core.ports import StoredFile

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters

TOKEN_FIELD = "rft_intent"  # noqa: S105 - the name of a metadata field
DOCUMENTED = frozenset({"n_epochs", "batch_size", "learning_rate_multiplier"})
_POSITION = frozenset({"step", "total_steps"})


def body_of(spec: JobSpec, *, token: str = "") -> dict[str, object]:
    """The request that creates ``spec``; ``token`` is sent as metadata, which AWS does not document."""
    reinforcement = {
        "grader": {"type": "lambda", "lambda": {"function": str(spec.grader_arn)}},
        "hyperparameters": hyperparameters_of(spec.hyperparameters),
    }
    body: dict[str, object] = {
        "model": str(spec.model),
        "training_file": str(spec.training_data),
        "method": {"type": "reinforcement", "reinforcement": reinforcement},
    }
    if token:
        body["metadata"] = {TOKEN_FIELD: token}
    return body


def hyperparameters_of(hyperparameters: RftHyperparameters) -> dict[str, object]:
    """The documented hyper-parameters that are given, and the extra ones as they are.

    Raises:
        InvalidJobSpec: One is given that Mantle does not have; dropping it in silence would train something else.
    """
    given = hyperparameters.given()
    unknown = sorted(set(given) - DOCUMENTED - set(hyperparameters.extra))
    if unknown:
        raise InvalidJobSpec(
            f"Mantle has no hyper-parameter {', '.join(unknown)}.",
            action=f"Leave it out (documented are {', '.join(sorted(DOCUMENTED))}), or try it under extra.",
            fields=unknown,
        )
    return dict(given)


def job_in(data: Mapping[str, Any]) -> Job:
    """The job in a reply."""
    method = _mapping(_mapping(data.get("method")).get("reinforcement"))
    error = _mapping(data.get("error"))
    finished_at = data.get("finished_at")
    return Job(
        job_id=str(data["id"]),
        status=str(data.get("status") or ""),
        model=str(data.get("model") or ""),
        training_data=str(data.get("training_file") or ""),
        grader_arn=_grader_in(method),
        created_at=float(data.get("created_at") or 0.0),
        finished_at=None if finished_at is None else float(finished_at),
        tuned_model=str(data.get("fine_tuned_model") or ""),
        token=str(_mapping(data.get("metadata")).get(TOKEN_FIELD) or ""),
        error_code=str(error.get("code") or ""),
        error_message=str(error.get("message") or ""),
        hyperparameters=_scalars(method.get("hyperparameters") or data.get("hyperparameters")),
    )


def event_in(data: Mapping[str, Any]) -> JobEvent:
    """The event in a reply; its metrics are the finite numbers of its data."""
    fields = _mapping(data.get("data"))
    return JobEvent(
        event_id=str(data["id"]),
        created_at=float(data.get("created_at") or 0.0),
        level=str(data.get("level") or "info"),
        message=str(data.get("message") or ""),
        step=_whole(fields.get("step")),
        total_steps=_whole(fields.get("total_steps")),
        metrics={name: value for name, value in _numbers(fields).items() if name not in _POSITION},
    )


def checkpoint_in(data: Mapping[str, Any], job_id: str) -> Checkpoint:
    """The checkpoint in a reply."""
    return Checkpoint(
        checkpoint_id=str(data["id"]),
        job_id=str(data.get("fine_tuning_job_id") or job_id),
        step=_whole(data.get("step_number")) or 0,
        model=str(data.get("fine_tuned_model_checkpoint") or ""),
        created_at=float(data.get("created_at") or 0.0),
        metrics={name: value for name, value in _numbers(_mapping(data.get("metrics"))).items() if name != "step"},
    )


def file_in(data: Mapping[str, Any]) -> StoredFile:
    """The file in a reply."""
    return StoredFile(
        file_id=str(data["id"]),
        name=str(data.get("filename") or ""),
        size_bytes=int(data.get("bytes") or 0),
        created_at=float(data.get("created_at") or 0.0),
    )


def whole_file_in(data: Mapping[str, Any]) -> StoredFile | None:
    """The file in a listing, ``None`` for one whose content was refused."""
    return None if data.get("status") == "error" else file_in(data)


def _grader_in(method: Mapping[str, Any]) -> str:
    return str(_mapping(_mapping(method.get("grader")).get("lambda")).get("function") or "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _scalars(value: object) -> dict[str, str | int | float]:
    return {name: item for name, item in _mapping(value).items() if isinstance(item, (str, int, float))}


def _numbers(fields: Mapping[str, Any]) -> dict[str, float]:
    """NaN and infinities are no measurements, and XCom refuses them."""
    numeric = {name: value for name, value in fields.items() if isinstance(value, (int, float))}
    return {n: float(v) for n, v in numeric.items() if not isinstance(v, bool) and math.isfinite(v)}


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
