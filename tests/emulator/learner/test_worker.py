from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.learner.weights import load_weights
from airflow_provider_bedrock_rft.emulator.learner.worker import UnknownCommand, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

Prompts = list[list[dict[str, object]]]


def init(prompts: Prompts, **more: object) -> dict[str, object]:
    return {
        "cmd": "init",
        "prompts": prompts,
        "seed": 7,
        "learning_rate": 1.0,
        "kl": 0.02,
        "inner_steps": 2,
        "weights": None,
        "reference": None,
        "optimizer": None,
        "max_completion_tokens": None,
    } | more


def steps(worker: Worker, grade: Callable[[str, int], float], first: int, last: int) -> tuple[bytes, dict[str, Any]]:
    """The metric stream as bytes, and the last snapshot."""
    stream, reply = b"", dict[str, Any]()
    for step in range(first, last):
        ids = [step % 8, (step + 3) % 8]
        sampled = worker.answer({"cmd": "sample", "ids": ids, "group_size": 8, "step": step})["completions"]
        rewards = [[grade(c["text"], i) for c in group] for i, group in zip(ids, sampled, strict=True)]
        reply = worker.answer({"cmd": "update", "rewards": rewards, "snapshot": step == last - 1})
        stream += json.dumps([sampled, reply["metrics"]]).encode()
    return stream, reply


@pytest.fixture
def prompts(make_task: Callable[..., Any]) -> Prompts:
    found: Prompts = make_task(["per_crate", "easy_sum"], 8, 21).prompts
    return found


@pytest.fixture
def grade(make_task: Callable[..., Any]) -> Callable[[str, int], float]:
    answers = make_task(["per_crate", "easy_sum"], 8, 21).answers
    return lambda text, i: float(text.endswith(f" {answers[i]:g}"))


def started(prompts: Prompts, **more: object) -> Worker:
    worker = Worker()
    assert worker.answer(init(prompts, **more)) == {"ok": True}
    return worker


def test_equal_seeds_give_equal_bytes_and_others_do_not(prompts: Prompts, grade: Callable[[str, int], float]) -> None:
    first, _ = steps(started(prompts), grade, 0, 6)
    again, _ = steps(started(prompts), grade, 0, 6)
    other, _ = steps(started(prompts, seed=8), grade, 0, 6)
    assert first == again
    assert first != other


def test_a_resumed_job_goes_on_as_if_it_had_never_stopped(prompts: Prompts, grade: Callable[[str, int], float]) -> None:
    whole = started(prompts)
    steps(whole, grade, 0, 4)
    expected, at_end = steps(whole, grade, 4, 8)

    _, snapshot = steps(started(prompts), grade, 0, 4)
    resumed = started(prompts, weights=snapshot["weights"], optimizer=snapshot["optimizer"])
    stream, reply = steps(resumed, grade, 4, 8)

    assert stream == expected
    assert reply == at_end


def test_the_metrics_bear_the_services_names(prompts: Prompts, grade: Callable[[str, int], float]) -> None:
    _, reply = steps(started(prompts), grade, 0, 1)
    assert set(reply["metrics"]) == {
        "actor_pg_loss",
        "actor_entropy",
        "actor_grad_norm",
        "critic_advantages_mean",
        "actor_ppo_kl",
        "actor_pg_clipfrac",
    }
    assert load_weights(b64decode(reply["weights"])).any()


def test_evaluating_is_greedy_and_leaves_training_alone(prompts: Prompts) -> None:
    worker = started(prompts)
    worker.answer({"cmd": "sample", "ids": [0], "group_size": 2, "step": 0})
    greedy = worker.answer({"cmd": "evaluate", "ids": [0, 1]})
    assert greedy == worker.answer({"cmd": "evaluate", "ids": [0, 1]})
    assert len(greedy["completions"]) == 2
    assert "metrics" in worker.answer({"cmd": "update", "rewards": [[1.0, 0.0]], "snapshot": False})


def test_completions_keep_to_the_limit(prompts: Prompts) -> None:
    worker = started(prompts, max_completion_tokens=4)
    groups = worker.answer({"cmd": "sample", "ids": [0, 1], "group_size": 8, "step": 0})["completions"]
    assert max(completion["tokens"] for group in groups for completion in group) <= 4


@pytest.mark.parametrize("request_", [{"cmd": "fly"}, {}, {"cmd": "sample", "ids": [0], "group_size": 1, "step": 0}])
def test_unknown_and_early_commands_are_refused(request_: dict[str, object]) -> None:
    with pytest.raises(UnknownCommand):
        Worker().answer(request_)


def test_the_process_answers_every_line_and_survives_errors(prompts: Prompts) -> None:
    commands = [
        init(prompts),
        {"cmd": "sample", "ids": [99], "group_size": 1, "step": 0},
        {"cmd": "update", "rewards": [[1.0]]},
        {"cmd": "evaluate", "ids": [0]},
    ]
    lines = [json.dumps(commands[0]), "nonsense", "", *map(json.dumps, commands[1:])]
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator.learner.worker"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert replies[0] == {"ok": True}
    assert [reply["error"]["type"] for reply in replies[1:4]] == ["JSONDecodeError", "IndexError", "RewardsOutOfPlace"]
    assert replies[4]["completions"][0]["text"]
