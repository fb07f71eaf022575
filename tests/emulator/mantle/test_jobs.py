from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONSTANT = "def handler(event, context):\n    return [{'id': s['id'], 'aggregate_reward_score': 1} for s in event]\n"


@pytest.fixture(scope="session")
def function(emulator: Any) -> str:
    return str(emulator.deploy("jobs-grader", CONSTANT))


@pytest.fixture
def lax(emulator: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0) as client:
        yield client


@pytest.fixture
def create(lax: openai.OpenAI, function: str, jsonl: Callable[[int], bytes]) -> Callable[..., Any]:
    def create(content: bytes | None = None, **fields: Any) -> Any:
        file = lax.files.create(file=("t.jsonl", content or jsonl(100)), purpose="fine-tune")
        grader = {"type": "lambda", "lambda": {"function": function}}
        hyperparameters = {"batch_size": 45, **fields.pop("hyperparameters", {})}
        method = {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": hyperparameters}}
        body = {"method": method, **fields}
        return lax.fine_tuning.jobs.create(model="openai.gpt-oss-20b", training_file=file.id, extra_body=body)

    return create


@pytest.fixture
def ended(lax: openai.OpenAI, wait_until: Any) -> Callable[[str], Any]:
    return lambda job_id: wait_until(lambda: (job := lax.fine_tuning.jobs.retrieve(job_id)).finished_at and job)


def test_a_job_keeps_what_it_was_given(create: Any, emulator: Any) -> None:
    job = create(
        seed=11, metadata={"team": "maths"}, hyperparameters={"n_epochs": "auto", "learning_rate_multiplier": 2}
    )
    _, body = emulator.call("GET", f"/v1/fine_tuning/jobs/{job.id}")
    assert (body["seed"], body["metadata"], body["organization_id"]) == (11, {"team": "maths"}, "123456789012")
    assert body["hyperparameters"] == {"n_epochs": 1, "batch_size": 45, "learning_rate_multiplier": 2.0}
    assert body["id"].startswith("ftjob-")


def test_all_pages_together_are_all_events_and_none_twice(create: Any, ended: Any, lax: openai.OpenAI) -> None:
    job = ended(create().id)
    whole = lax.fine_tuning.jobs.list_events(job.id, limit=100).data
    paged = list(lax.fine_tuning.jobs.list_events(job.id, limit=2))
    assert [event.id for event in paged] == [event.id for event in whole]
    assert len({event.id for event in paged}) == len(paged) >= 7
    assert whole[-1].message.startswith("This model is local-sim")


def test_jobs_are_listed_newest_first_in_pages(create: Any, lax: openai.OpenAI) -> None:
    made = [create().id for _ in range(3)]
    listed = [job.id for job in lax.fine_tuning.jobs.list(limit=2)]
    assert [job_id for job_id in listed if job_id in made] == made[::-1]
    assert lax.fine_tuning.jobs.list(limit=2).has_more


def test_a_bad_file_fails_the_job_and_not_the_request(create: Any, ended: Any, jsonl: Callable[[int], bytes]) -> None:
    job = ended(create(jsonl(100) + b'\n{"messages": []}').id)
    assert job.status == "failed"
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert job.error.message == "line 101: messages must be a non-empty list"
    assert ended(create(jsonl(99)).id).error.message == "the file has 99 records; at least 100 are needed"


def test_a_file_that_is_deleted_later_does_not_stop_its_job(create: Any, ended: Any, lax: openai.OpenAI) -> None:
    job = create()
    lax.files.delete(job.training_file)
    assert ended(job.id).status == "succeeded"


def test_a_cancelled_job_stays_cancelled(create: Any, lax: openai.OpenAI) -> None:
    job = create(hyperparameters={"n_epochs": 50, "batch_size": 4})
    assert lax.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="has ended already: cancelled"):
        lax.fine_tuning.jobs.cancel(job.id)
    assert lax.fine_tuning.jobs.retrieve(job.id).finished_at is not None
    assert lax.fine_tuning.jobs.list_events(job.id).data[0].message == "The job was cancelled."


def test_a_finished_job_cannot_be_cancelled(create: Any, ended: Any, lax: openai.OpenAI) -> None:
    job = ended(create().id)
    with pytest.raises(openai.BadRequestError, match="has ended already: succeeded"):
        lax.fine_tuning.jobs.cancel(job.id)


def test_jobs_that_are_not_there_are_not_there(lax: openai.OpenAI) -> None:
    jobs = lax.fine_tuning.jobs
    for ask in (jobs.retrieve, jobs.cancel, jobs.list_events, jobs.checkpoints.list):
        with pytest.raises(openai.NotFoundError, match="Could not find fine-tuning job: ftjob-x"):
            ask("ftjob-x")


def test_constant_rewards_are_warned_of(create: Any, ended: Any, lax: openai.OpenAI) -> None:
    job = ended(create().id)
    warnings = [event.message for event in lax.fine_tuning.jobs.list_events(job.id) if event.level == "warn"]
    assert len(warnings) == 1
    assert "no reward variance" in warnings[0]


def test_the_same_seed_gives_the_same_numbers(create: Any, ended: Any, lax: openai.OpenAI) -> None:
    def numbers(seed: int) -> list[Any]:
        job = ended(create(seed=seed).id)
        return [event.data for event in lax.fine_tuning.jobs.list_events(job.id) if event.type == "metrics"]

    assert numbers(5) == numbers(5)


def test_more_compute_means_more_samples_of_each_prompt(create: Any, emulator: Any) -> None:
    job = create(hyperparameters={"compute_multiplier": 2})
    assert emulator.control("GET", f"jobs/{job.id}")["plan"]["settings"]["group_size"] == 16
