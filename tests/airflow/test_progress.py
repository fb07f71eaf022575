"""A job's events as lines of a log."""

from __future__ import annotations

import pytest

from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.triggers.progress import Progress, line_of


def metrics(step: int, reward: float = 0.5) -> JobEvent:
    return JobEvent(
        event_id=f"e{step}",
        created_at=float(step),
        level="info",
        message=f"Step {step}/9: training metrics",
        step=step,
        total_steps=9,
        metrics={"critic_rewards_mean": reward, "actor_entropy": 1.25, "response_length_mean": 519.09375},
    )


def message(number: int, level: str = "info") -> JobEvent:
    return JobEvent(event_id=f"m{number}", created_at=number + 0.5, level=level, message=f"Message {number}.")


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_step_in_one_line() -> None:
    assert line_of(metrics(3)) == "step 3/9 · reward 0.5 · entropy 1.25 · completion length 519.1"


def test_a_metric_that_is_no_number_is_left_out() -> None:
    assert line_of(metrics(3, float("nan"))) == "step 3/9 · entropy 1.25 · completion length 519.1"


def test_a_warning_says_that_it_is_one() -> None:
    assert line_of(message(1, "warn")) == "warn: Message 1."


def test_events_and_messages_in_their_order(said: list[str]) -> None:
    progress = Progress(said.append, said.append)
    progress.show([metrics(1), message(1), metrics(2)])
    progress.show([metrics(3)])
    assert [line[:8] for line in said] == ["step 1/9", "Message ", "step 2/9", "step 3/9"]


def test_many_new_steps_do_not_flood_the_log(said: list[str]) -> None:
    Progress(said.append, said.append).show(
        [metrics(1, 0.01), message(1), *(metrics(step, step / 100) for step in range(2, 61))]
    )
    assert said == [
        "60 training steps since the last look, reward 0.01 → 0.6; the newest:",
        "Message 1.",
        line_of(metrics(60, 0.6)),
    ]


def test_a_status_is_said_when_it_changes(said: list[str]) -> None:
    progress = Progress(said.append, said.append)
    for status in ("queued", "running", "running", "succeeded"):
        progress.status(Job(job_id="j", status=status, model="m", training_data="f", grader_arn="a", created_at=0.0))
    assert said == ["Job j is queued.", "Job j is running.", "Job j is succeeded."]


def test_the_same_trouble_is_said_once(said: list[str]) -> None:
    progress = Progress(said.append, said.append)
    for sentence in ("No.", "No.", "Still no.", "No."):
        progress.trouble(sentence)
    assert said == ["No.", "Still no.", "No."]
