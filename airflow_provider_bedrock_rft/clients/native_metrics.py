"""The metrics that a native job leaves in S3, as events; columns that are missing are missed by nobody."""

from __future__ import annotations

import csv
import io
from math import isfinite
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.job.job import JobEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NOT_METRICS = ("step_number", "step", "epoch_number", "epoch")


def is_metrics_file(uri: str) -> bool:
    """True for the tables of training and validation metrics."""
    return uri.endswith(("_metrics.csv", "/metrics.csv"))


def folder_of(output_s3_uri: str, job_arn: str) -> str:
    """Where the service puts a job's artefacts."""
    return f"{output_s3_uri.rstrip('/')}/model-customization-job-{job_arn.rpartition('/')[2]}/"


def events_in(tables: Iterable[bytes], *, started_at: float, ended_at: float) -> list[JobEvent]:
    """One event per step, newest first; tables of one job are joined by step.

    The tables have no times: steps are spread evenly over the job's, which makes their mean duration right.
    """
    rows: dict[int, dict[str, float]] = {}
    for table in tables:
        for step, metrics in _rows(table):
            rows.setdefault(step, {}).update(metrics)
    seconds = max(0.0, ended_at - started_at) / max(rows, default=1)
    return [
        JobEvent(
            event_id=f"step-{step}",
            created_at=started_at + seconds * step,
            level="info",
            message=f"Step {step}",
            step=step,
            metrics=rows[step],
        )
        for step in sorted(rows, reverse=True)
    ]


def _rows(table: bytes) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Steps counted from 1, where the table counts from 0; lines without a step are left out."""
    text = table.decode("utf-8", "replace").lstrip("\ufeff").replace("\0", "")  # Python 3.10's csv refuses NUL
    for row in csv.DictReader(io.StringIO(text)):
        cells = {name.strip(): value for name, value in row.items() if isinstance(name, str)}
        step = _number(cells.get("step_number", cells.get("step")))
        if step is None or step < 0:
            continue
        numbers = {name: _number(value) for name, value in cells.items() if name not in _NOT_METRICS}
        yield int(step) + 1, {_dotted(name): value for name, value in numbers.items() if value is not None}


def _dotted(name: str) -> str:
    """The spelling that Mantle's events have: any run of other signs is one underscore."""
    return "".join(sign if sign.isalnum() else "_" for sign in name)


def _number(cell: object) -> float | None:
    try:
        value = float(str(cell))
    except ValueError:
        return None
    return value if isfinite(value) else None
