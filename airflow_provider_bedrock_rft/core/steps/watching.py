"""Read what a job reports, as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

    from airflow_provider_bedrock_rft.core.job.job import JobEvent
    from airflow_provider_bedrock_rft.core.ports import TrainingService

PATIENCE = 200
"""Known events in a row after which the rest is taken to be known too: pages come roughly in order."""


def read_new_events(
    training: TrainingService, job_id: str, known: Container[str], *, patience: int = PATIENCE
) -> list[JobEvent]:
    """The job's events that are not ``known`` by id, oldest first, each once."""
    new: dict[str, JobEvent] = {}
    n_known = 0
    for event in training.list_events(job_id):
        if event.event_id in known:
            n_known += 1
            if n_known >= patience:
                break
            continue
        n_known = 0
        new.setdefault(event.event_id, event)
    return sorted(new.values(), key=lambda event: (event.created_at, event.step or 0, event.event_id))
