"""How a pipeline does at the moment: its newest job's reward, its alarms, and what training has cost so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import load
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.plugin.facts import Note
from airflow_provider_bedrock_rft.plugin.views.curve import CurveView, Mark, Series
from airflow_provider_bedrock_rft.plugin.views.run import fields_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.plugin.facts import Output

SPARK_POINTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an hour of training costs, by the user's own price list; ``None`` where there is none."""

    per_hour: float | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a pipeline's jobs have used up.

    Attributes:
        n_jobs: Jobs whose duration is known.
        n_unknown: Jobs that left no duration: they failed, or were told of by their id only.
        seconds: Time trained.
        amount: Its price, ``None`` without a price list.
        currency: Of the amount.
    """

    n_jobs: int
    n_unknown: int
    seconds: float
    amount: float | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseView:
    """A pipeline's newest job, with the run that it belongs to, and all jobs' cost."""

    run_id: str
    job_id: str
    status: str
    is_running: bool
    last_step: int
    total_steps: int
    seconds_left: float | None
    reward: Series | None
    alarms: Sequence[Mark]
    cost: Cost
    notes: Sequence[Note]


def cost_of(outputs: Sequence[Output], price: Price, running: CurveView | None, *, now: float) -> Cost:
    """The cost of the jobs that these outputs tell of, each counted once, and of the one that runs."""
    seconds: dict[str, float] = {}
    named: set[str] = set()
    for output in outputs:
        if output.kind == "":
            named |= {output.value} if isinstance(output.value, str) else set()
        elif output.kind == "rft.job" and (job := _job(output)) and job.finished_at is not None:
            seconds[job.job_id] = max(0.0, job.finished_at - job.created_at)
    if running is not None and running.job_id not in seconds:
        seconds[running.job_id] = max(0.0, (running.ended_at or now) - running.started_at)
    total = sum(seconds.values())
    return Cost(
        n_jobs=len(seconds),
        n_unknown=len(named - seconds.keys()),
        seconds=total,
        amount=None if price.per_hour is None else total / 3600 * price.per_hour,
        currency=price.currency,
    )


def newest_job(outputs: Sequence[Output]) -> tuple[Output, str] | None:
    """The first of these outputs that names a job, and the job."""
    for output in outputs:
        job_id = output.value if isinstance(output.value, str) else fields_of(output).get("job_id")
        if isinstance(job_id, str) and job_id:
            return output, job_id
    return None


def pulse_view(run_id: str, curve: CurveView | None, cost: Cost, notes: Sequence[Note]) -> PulseView:
    """The pulse of a pipeline; without a curve there is only the cost."""
    found = {one.name: one for one in curve.series} if curve else {}
    return PulseView(
        run_id=run_id,
        job_id=curve.job_id if curve else "",
        status=curve.status if curve else "",
        is_running=bool(curve and curve.is_running),
        last_step=curve.last_step if curve else 0,
        total_steps=curve.total_steps if curve else 0,
        seconds_left=curve.seconds_left if curve else None,
        reward=found.get("reward_trend") or found.get("reward"),
        alarms=curve.findings if curve else (),
        cost=cost,
        notes=notes,
    )


def _job(output: Output) -> Job | None:
    try:
        return load(Job, output.value)
    except InvalidPayload:
        return None
