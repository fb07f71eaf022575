"""What a person sees while the demo runs: tasks as they change, rewards as they come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.cli.laptop import emulator_session
from airflow_provider_bedrock_rft.core.errors import RftError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.cli.airflow_api import TaskState
    from airflow_provider_bedrock_rft.cli.stack import Stack
    from airflow_provider_bedrock_rft.core.job.job import JobEvent

BARS = "▁▂▃▄▅▆▇█"
STEPS_BETWEEN_LINES = 15
QUIET = {"scheduled", "queued", "None"}


class Progress:
    """Prints one line per change, with the time since the start."""

    def __init__(self, stack: Stack) -> None:
        self.started_at = time.monotonic()
        self._stack = stack
        self._states: dict[str, str] = {}
        self._step_shown = 0

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started_at

    def say(self, text: str) -> None:
        """One line."""
        minutes, seconds = divmod(int(self.seconds), 60)
        print(f"  {minutes}:{seconds:02}  {text}", flush=True)

    def update(self, tasks: Sequence[TaskState]) -> None:
        """Print what changed since the last call."""
        for task in tasks:
            state = str(task.state)
            if state not in QUIET and self._states.get(task.task_id) != state:
                self.say(f"{task.task_id:<18} {state}")
            self._states[task.task_id] = state
        if self._states.get("train") in {"running", "deferred"}:
            self._show_training()

    def _show_training(self) -> None:
        try:
            steps = metrics_of_newest_job(self._stack)
        except RftError:
            return  # the emulator is being restarted, or has no job yet: the next look will tell
        last = steps[-1].step if steps else None
        if last is not None and last >= self._step_shown + STEPS_BETWEEN_LINES:
            self._step_shown = last
            rewards = [step.metrics.get("critic_rewards_mean", 0.0) for step in steps]
            total = steps[-1].total_steps
            self.say(f"{'':<18} step {last}/{total}  mean reward {rewards[-1]:.2f}  {sparkline(rewards)}")


def metrics_of_newest_job(stack: Stack) -> list[JobEvent]:
    """The metric events of the newest job, by step."""
    training = emulator_session(stack).training
    job = next(iter(training.list_jobs(created_after=0.0)), None)
    if job is None:
        return []
    events = {event.step: event for event in training.list_events(job.job_id) if event.step is not None}
    return [events[step] for step in sorted(events)]


def sparkline(values: Sequence[float], *, width: int = 24) -> str:
    """Means of up to ``width`` equal stretches of ``values``, as bars between 0 and the largest."""
    size = max(1, -(-len(values) // width))
    means = [sum(values[i : i + size]) / len(values[i : i + size]) for i in range(0, len(values), size)]
    top = max([*means, 1e-9])
    return "".join(BARS[min(len(BARS) - 1, max(0, int(mean / top * len(BARS))))] for mean in means)
