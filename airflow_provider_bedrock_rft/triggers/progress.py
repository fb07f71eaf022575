"""A running job's events, as lines of a task's log: each once, and no flood after a restart."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.core.job.diagnosis import JobFinding
    from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent

REWARD = "critic_rewards_mean"
SHOWN = {REWARD: "reward", "actor_entropy": "entropy", "response_length_mean": "completion length"}
"""Metrics worth a place in a line, under the words of the field."""

MAX_LINES = 6


class Progress:
    """Says what is new about a job.

    Args:
        say: Takes one line of news.
        warn: Takes one line of trouble.
    """

    def __init__(self, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._say = say
        self._warn = warn
        self._status = ""
        self._trouble = ""

    def status(self, job: Job) -> None:
        """Say the job's status when it has changed."""
        if job.status != self._status:
            self._status = job.status
            self._say(f"Job {job.job_id} is {job.status}.")

    def trouble(self, sentence: str) -> None:
        """Warn, but not twice in a row with the same words."""
        if sentence != self._trouble:
            self._trouble = sentence
            self._warn(sentence)

    def show(self, new: Sequence[JobEvent]) -> None:
        """Say these events, oldest first; of many new steps only the newest."""
        steps = [event for event in new if event.step is not None]
        skipped = {event.event_id for event in steps[:-1]} if len(steps) > MAX_LINES else set()
        if skipped:
            self._say(f"{len(steps)} training steps since the last look{_rise(steps)}; the newest:")
        for event in new:
            if event.event_id not in skipped:
                self._say(line_of(event))

    def alarm(self, findings: Sequence[JobFinding]) -> None:
        """Warn of findings: rule, step, numbers and remedy."""
        for finding in findings:
            self._warn(f"Diagnosis, {finding}")


def _rise(steps: Sequence[JobEvent]) -> str:
    first, last = (step.metrics.get(REWARD) for step in (steps[0], steps[-1]))
    return "" if first is None or last is None else f", reward {first:.4g} → {last:.4g}"


def line_of(event: JobEvent) -> str:
    """One event in one line."""
    if event.step is None:
        return event.message if event.level == "info" else f"{event.level}: {event.message}"
    total = f"/{event.total_steps}" if event.total_steps else ""
    numbers = (
        f"{word} {event.metrics[name]:.4g}"
        for name, word in SHOWN.items()
        if isfinite(event.metrics.get(name, float("nan")))
    )
    return " · ".join((f"step {event.step}{total}", *numbers))
