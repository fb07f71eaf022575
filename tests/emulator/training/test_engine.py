from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.training.engine import NotRunning
from airflow_provider_bedrock_rft.emulator.training.grading import GraderFailure

if TYPE_CHECKING:
    from .conftest import Bench

EIGHT_KEYS = {
    "step",
    "total_steps",
    "critic_rewards_mean",
    "actor_pg_loss",
    "actor_entropy",
    "actor_grad_norm",
    "critic_advantages_mean",
    "response_length_mean",
}


async def test_a_job_trains_every_step_and_leaves_checkpoints_and_a_model(bench: Bench) -> None:
    job = await bench.run(bench.plan())
    assert job["status"] == "succeeded"
    assert job["trained_tokens"] > 0
    assert job["finished_at"] > 0
    metrics = bench.metrics()
    assert [data["step"] for data in metrics] == list(range(1, 10))  # floor(0.9 * 40) = 36 records, 9 batches of 4
    assert all(set(data) == EIGHT_KEYS and data["total_steps"] == 9 for data in metrics)
    checkpoints = bench.checkpoints()
    assert [checkpoint["step_number"] for checkpoint in checkpoints] == [4, 8, 9]
    assert checkpoints[-1]["fine_tuned_model_checkpoint"] == job["fine_tuned_model"]


async def test_the_first_event_says_what_the_model_is(bench: Bench) -> None:
    await bench.run(bench.plan())
    events = bench.events()
    assert "local-sim" in events[0]["message"]
    assert (
        next(event["message"] for event in events if event["message"].startswith("Step"))
        == "Step 1/9: training metrics"
    )


async def test_last_incomplete_batches_are_dropped_in_each_epoch(bench: Bench) -> None:
    await bench.run(bench.plan(n_epochs=2, batch_size=5))
    assert len(bench.metrics()) == 2 * (36 // 5)


async def test_rollouts_of_a_step_go_to_the_grader_with_ids_of_their_own(bench: Bench) -> None:
    await bench.run(bench.plan())
    ids = [sample["id"] for payload in bench.functions.payloads for sample in payload]
    assert len(ids) == len(set(ids))
    first = bench.functions.payloads[1]  # the held-out prompts go first, for a baseline
    assert len(first) == 4 * 8
    assert first[0]["messages"][-1]["role"] == "assistant"
    assert first[0]["reference_answer"] == {"text": first[0]["metadata"]["reference_answer"]}
    assert "level" in first[0]["metadata"]


async def test_the_learner_never_sees_what_is_held_out(bench: Bench) -> None:
    await bench.run(bench.plan(n_epochs=2))
    trained = set()
    held_out = set()
    for payload in bench.functions.payloads:
        for sample in payload:
            (held_out if "held-out" in sample["id"] else trained).add(sample["id"].split(":")[0])
    assert len(held_out) == 4
    assert trained.isdisjoint(held_out)
    run = bench.engines[-1].find("job-1")
    assert run is not None
    assert [score.step for score in run.state.held_out] == [0, 4, 8, 12, 16, 18]


async def test_equal_seeds_give_equal_metrics_and_others_do_not(bench: Bench) -> None:
    await bench.run(bench.plan("a"))
    await bench.run(bench.plan("b"))
    await bench.run(bench.plan("c", seed=8))
    assert bench.metrics("a") == bench.metrics("b")
    assert bench.metrics("a") != bench.metrics("c")


async def test_a_grader_that_always_says_the_same_teaches_nothing_and_that_shows(bench: Bench) -> None:
    bench.functions.grade = lambda samples: [{"id": one["id"], "aggregate_reward_score": 0.5} for one in samples]
    job = await bench.run(bench.plan())
    assert job["status"] == "succeeded"
    warnings = [event["message"] for event in bench.events() if event["level"] == "warn"]
    assert len(warnings) == 1
    assert warnings[0].startswith("9 of 9 steps had no reward variance")


async def test_a_grader_that_raises_fails_the_job_in_its_own_words(bench: Bench) -> None:
    def broken(_: list[dict[str, Any]]) -> Any:
        raise GraderFailure("KeyError: 'reference_answer'")

    bench.functions.grade = broken
    job = await bench.run(bench.plan())
    assert job["status"] == "failed"
    assert job["error"]["code"] == "grader_error"
    assert "KeyError: 'reference_answer'" in job["error"]["message"]
    assert sum("the grader failed" in event["message"] for event in bench.events()) == 5
    assert bench.metrics() == []


async def test_a_grader_that_recovers_on_a_retry_costs_nothing(bench: Bench) -> None:
    n_calls = 0
    good = bench.functions.grade

    def flaky(samples: list[dict[str, Any]]) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls % 2:
            raise GraderFailure("FunctionThrottled: Rate Exceeded.")
        return good(samples)

    bench.functions.grade = flaky
    assert (await bench.run(bench.plan()))["status"] == "succeeded"
    assert len(bench.metrics()) == 9
    assert not [event for event in bench.events() if event["level"] == "error"]


async def test_a_broken_grader_counts_zero_if_so_chosen(bench: Bench) -> None:
    bench.functions.grade = lambda _: {"not": "a list"}
    job = await bench.run(bench.plan(settings={"grader_errors": "zero"}))
    assert job["status"] == "succeeded"
    assert {data["critic_rewards_mean"] for data in bench.metrics()} == {0.0}


async def test_a_file_that_is_malformed_fails_the_job_with_its_line(bench: Bench) -> None:
    plan = bench.plan(lines=['{"messages": [{"role": "user", "content": "2+2?"}]}', "{oops"])
    job = await bench.run(plan)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "invalid_training_file"
    assert job["error"]["message"].startswith("line 2: malformed JSON")
    assert job["error"]["param"] == "training_file"


async def test_a_batch_larger_than_the_data_fails_the_job(bench: Bench) -> None:
    job = await bench.run(bench.plan(batch_size=64))
    assert job["error"]["code"] == "invalid_hyperparameters"


async def test_cancelling_stops_the_worker_and_stays(bench: Bench) -> None:
    bench.faults.add({"slow_step_seconds": 60, "step": 3})
    await bench.submit(bench.plan())
    while len(bench.metrics()) < 2:
        await asyncio.sleep(0.005)
    await bench.engines[-1].cancel("job-1")
    assert bench.job()["status"] == "cancelled"
    assert not bench.job().get("fine_tuned_model")
    with pytest.raises(NotRunning):
        await bench.engines[-1].cancel("job-1")
    assert len(bench.metrics()) == 2


async def test_jobs_beyond_the_slots_wait_in_the_queue(bench: Bench) -> None:
    bench.faults.add({"slow_step_seconds": 60, "step": 1})
    for name in ("a", "b", "c"):
        await bench.submit(bench.plan(name))
    while sorted(bench.job(name)["status"] for name in "abc") != ["queued", "running", "running"]:
        await asyncio.sleep(0.005)
    await bench.engines[-1].cancel("a")
    while bench.job("c")["status"] != "running":
        await asyncio.sleep(0.005)
    assert [bench.job(name)["status"] for name in "abc"] == ["cancelled", "running", "running"]


async def test_a_fault_fails_a_job_at_its_step(bench: Bench) -> None:
    bench.faults.add({"fail_job": "The training cluster went away.", "step": 3})
    job = await bench.run(bench.plan())
    assert job["status"] == "failed"
    assert job["error"]["message"] == "The training cluster went away."
    assert [data["step"] for data in bench.metrics()] == [1, 2]
    assert [taken.where for taken in bench.faults.log] == ["job-1 step 3"]


@pytest.mark.parametrize("interrupted_after", [1, 3, 4, 7])
async def test_an_interrupted_job_ends_as_if_it_had_not_been(bench: Bench, interrupted_after: int) -> None:
    await bench.run(bench.plan("whole"))
    bench.faults.add({"slow_step_seconds": 60, "step": interrupted_after + 1})
    await bench.submit(bench.plan("torn"))
    while len(bench.metrics("torn")) < interrupted_after:
        await asyncio.sleep(0.005)
    await bench.engines[-1].close()
    assert bench.open().resume() == 1
    assert (await bench.finished("torn"))["status"] == "succeeded"
    assert bench.metrics("torn") == bench.metrics("whole")
    assert [
        event["message"].replace("torn", "") for event in bench.events("torn") if "Checkpoint" not in event["message"]
    ] == [
        event["message"].replace("whole", "") for event in bench.events("whole") if "Checkpoint" not in event["message"]
    ]
    weights = [bench.store.blob(f"weights/{name}/9") for name in ("torn", "whole")]
    assert weights[0] == weights[1] is not None
    assert bench.store.blob("snapshot/torn/weights") is None


async def test_rewards_rise_when_there_is_something_to_learn(bench: Bench) -> None:
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"{item['messages'][0]['content']} End with #### and the number."}
            ],
            "reference_answer": item["reference_answer"],
        }
        for item in map(addition_like, range(60))
    ]
    bench.functions.grade = lambda samples: [
        {
            "id": one["id"],
            "aggregate_reward_score": float(
                "#### " + one["metadata"]["reference_answer"] in one["messages"][-1]["content"]
            ),
        }
        for one in samples
    ]
    await bench.run(bench.plan(lines=lines, n_epochs=3))
    rewards = [data["critic_rewards_mean"] for data in bench.metrics()]
    third = len(rewards) // 3
    assert sum(rewards[-third:]) > sum(rewards[:third])


def addition_like(number: int) -> dict[str, Any]:
    a, b = number % 8 + 2, number // 8 + 1
    return {
        "messages": [
            {"role": "user", "content": f"Ann has {a} coins and finds {b} more. How many coins are there now?"}
        ],
        "reference_answer": str(a + b),
    }
