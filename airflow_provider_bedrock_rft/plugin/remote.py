"""What the page asks the services for, through the pipeline's own connection; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.steps.watching import read_new_events
from airflow_provider_bedrock_rft.hooks.connected import plane_of
from airflow_provider_bedrock_rft.hooks.shared import shared_hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
    from airflow_provider_bedrock_rft.plugin.cache import Cache

    Connect = Callable[[str | None, str | None], BedrockRftHook]

LIVE_SECONDS = 3.0
ENDED_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An Airflow connection and a region."""

    aws_conn_id: str | None
    region_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """All that a job has said so far."""

    job: Job
    curve: Curve
    checkpoints: tuple[Checkpoint, ...]
    event_ids: frozenset[str]


class Remote:
    """The services behind any number of connections, each question asked once at a time and its answer kept."""

    def __init__(self, cache: Cache, connect: Connect = shared_hook) -> None:
        self._cache = cache
        self._connect = connect

    def job(self, place: Place, job_id: str) -> JobReport:
        """A job with its curve; of a running one, only what is new is read.

        Raises:
            RftError: The services, the connection or the job cannot be reached.
        """

        def read(before: JobReport | None) -> JobReport:
            training = plane_of(self._connect(place.aws_conn_id, place.region_name), job_id)
            known = before.event_ids if before else frozenset[str]()
            job = training.get_job(job_id)
            new = read_new_events(training, job_id, known)
            return JobReport(
                job=job,
                curve=(before.curve if before else Curve()).extended(new),
                checkpoints=tuple(training.list_checkpoints(job_id)),
                event_ids=known | {event.event_id for event in new},
            )

        return self._cache.get(("job", place, job_id), read, seconds=_lifetime)


def _lifetime(report: JobReport) -> float:
    return LIVE_SECONDS if report.job.finished_at is None else ENDED_SECONDS
