"""What the policy learns from rewards, judged on prompts it was not trained on."""

from __future__ import annotations

import json
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion

EASY = ["easy_sum", "easy_product"]
UNSEEN = ["per_crate", "percent_off", "twice_together", "shared_rest", "rate_and_more"]


@pytest.mark.parametrize(("unseen", "seed"), [("per_crate", 1), ("twice_together", 2)])
def test_it_learns_a_kind_its_base_cannot_do(
    unseen: str,
    seed: int,
    make_task: Callable[..., Any],
    exact_match: Callable[..., Any],
    train: Callable[..., Any],
    score: Callable[..., float],
) -> None:
    task, held_out = make_task([*EASY, unseen], 270, seed), make_task([*EASY, unseen], 150, seed + 100)
    only_new = make_task([unseen], 60, seed + 200)

    run = train(task.prompts, exact_match(task), 67, seed=seed)

    assert score(base_weights(), only_new.prompts, exact_match(only_new)) <= 0.2
    assert score(base_weights(), held_out.prompts, exact_match(held_out)) <= 0.7
    assert score(run.weights, only_new.prompts, exact_match(only_new)) >= 0.9
    assert score(run.weights, held_out.prompts, exact_match(held_out)) >= 0.9


def test_it_learns_several_new_kinds_at_once(
    make_task: Callable[..., Any],
    exact_match: Callable[..., Any],
    train: Callable[..., Any],
    score: Callable[..., float],
) -> None:
    task, held_out = make_task(UNSEEN, 270, 3), make_task(UNSEEN, 100, 4)
    run = train(task.prompts, exact_match(task), 90)
    before = score(base_weights(), held_out.prompts, exact_match(held_out))
    after = score(run.weights, held_out.prompts, exact_match(held_out))
    assert before <= 0.5
    assert after >= 0.75
    assert fmean(run.rewards[-20:]) > fmean(run.rewards[:20]) + 0.3


def test_greedy_is_no_worse_than_sampling(
    make_task: Callable[..., Any],
    exact_match: Callable[..., Any],
    train: Callable[..., Any],
    score: Callable[..., float],
) -> None:
    task, held_out = make_task([*EASY, "per_crate"], 270, 5), make_task([*EASY, "per_crate"], 150, 6)
    run = train(task.prompts, exact_match(task), 25)
    for weights in (base_weights(), run.weights):
        greedy = score(weights, held_out.prompts, exact_match(held_out))
        assert greedy >= score(weights, held_out.prompts, exact_match(held_out), greedy=False)


@pytest.mark.parametrize(
    ("ending", "show"),
    [
        (" Answer with only the number.", "{n}"),
        (' Respond with a JSON object like {"answer": 42} and nothing else.', '{{"answer": {n}}}'),
    ],
)
def test_it_learns_to_answer_in_the_format_asked_for(
    ending: str, show: str, make_task: Callable[..., Any], train: Callable[..., Any], score: Callable[..., float]
) -> None:
    task, held_out = make_task(EASY, 200, 7, ending), make_task(EASY, 100, 8, ending)
    run = train(task.prompts, lambda c, i: float(c.text == show.format(n=task.answers[i])), 30)

    def grade(completion: Completion, i: int) -> float:
        return float(completion.text == show.format(n=held_out.answers[i]))

    assert score(base_weights(), held_out.prompts, grade) < 0.95
    assert score(run.weights, held_out.prompts, grade) >= 0.97


def test_it_learns_to_route_tickets(train: Callable[..., Any], score: Callable[..., float]) -> None:
    words = {
        "billing": ["invoice", "refund", "payment", "receipt", "fee"],
        "technical": ["crash", "error", "bug", "freeze", "update"],
        "shipping": ["parcel", "delivery", "courier", "address", "tracking"],
    }
    random, prompts, labels = Random(9), [], []
    for _ in range(300):
        label = random.choice(list(words))
        first, second = random.sample(words[label], 2)
        told = random.choice(["Hello, my {} and the {} trouble me.", "A {} problem, {} too, since Monday."])
        prompts.append(
            [
                {
                    "role": "system",
                    "content": f"Classify the ticket as one of: {', '.join(words)}. Reply with the label only.",
                },
                {"role": "user", "content": [{"type": "text", "text": told.format(first, second)}]},
            ]
        )
        labels.append(label)
    run = train(prompts[:200], lambda c, i: float(c.text == labels[i]), 80)

    def grade(completion: Completion, i: int) -> float:
        return float(completion.text == labels[200 + i])

    assert score(base_weights(), prompts[200:], grade) < 0.5
    assert score(run.weights, prompts[200:], grade) > 0.85


def test_it_learns_to_extract_json(train: Callable[..., Any], score: Callable[..., float]) -> None:
    random, prompts, wanted = Random(10), [], []
    for _ in range(240):
        code, total = f"INV-{random.randint(1000, 9999)}", random.randint(10, 999) + 0.25
        date, name = (
            f"2025-{random.randint(10, 12)}-{random.randint(10, 28)}",
            " ".join(random.sample(["Ada", "Grace", "Kurt"], 2)),
        )
        text = f"Invoice {code} of {date} goes to {name}. Tax: ${total / 10:.2f}. Amount due: ${total:.2f}."
        ask = 'Extract as JSON: {"invoice_id": "...", "date": "...", "customer": "...", "total": 0.0}'
        prompts.append([{"role": "user", "content": f"{text}\n\n{ask}"}])
        wanted.append({"invoice_id": code, "date": date, "customer": name, "total": total})

    def share_right(text: str, right: dict[str, object]) -> float:
        try:
            found = json.loads(text)
        except ValueError:
            return 0.0
        return fmean(found.get(key) == value for key, value in right.items()) if isinstance(found, dict) else 0.0

    run = train(prompts[:160], lambda c, i: share_right(c.text, wanted[i]), 40)
    assert score(base_weights(), prompts[160:], lambda c, i: share_right(c.text, wanted[160 + i])) < 0.6
    assert score(run.weights, prompts[160:], lambda c, i: share_right(c.text, wanted[160 + i])) > 0.95


def test_a_grader_that_always_says_the_same_teaches_nothing(
    make_task: Callable[..., Any], train: Callable[..., Any]
) -> None:
    run = train(make_task(EASY, 40, 11).prompts, lambda *_: 0.5, 10)
    assert np.array_equal(run.weights, base_weights())
    assert {metrics.actor_grad_norm for metrics in run.metrics} == {0.0}
    assert run.metrics[-1].actor_entropy > 0


def test_a_grader_that_loves_length_makes_completions_longer(
    make_task: Callable[..., Any], train: Callable[..., Any]
) -> None:
    run = train(make_task(EASY, 100, 12).prompts, lambda c, _: c.n_tokens / 100, 25)
    assert fmean(run.lengths[-10:]) > 1.3 * fmean(run.lengths[:5])


def test_a_high_learning_rate_collapses(
    make_task: Callable[..., Any],
    exact_match: Callable[..., Any],
    train: Callable[..., Any],
    score: Callable[..., float],
) -> None:
    task, held_out = make_task(UNSEEN, 200, 13), make_task(UNSEEN, 60, 14)
    calm = train(task.prompts, exact_match(task), 30)
    rash = train(task.prompts, exact_match(task), 30, learning_rate=100.0)
    assert rash.metrics[-1].actor_entropy < 0.5 * calm.metrics[0].actor_entropy
    grade = exact_match(held_out)
    assert score(rash.weights, held_out.prompts, grade) < score(calm.weights, held_out.prompts, grade) - 0.2


def test_a_small_dataset_over_many_epochs_is_learnt_by_heart(
    train: Callable[..., Any], score: Callable[..., float]
) -> None:
    random, prompts = Random(15), []
    for _ in range(80):
        story = " ".join(
            random.choice(["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple"]) for _ in range(9)
        )
        prompts.append([{"role": "user", "content": f"{story}.\nAnswer with one word, one of: red, green, blue."}])
    chance = [random.choice(["red", "green", "blue"]) for _ in prompts]
    run = train(prompts[:16], lambda c, i: float(c.text == chance[i]), 60)
    seen = score(run.weights, prompts[:16], lambda c, i: float(c.text == chance[i]))
    unseen = score(run.weights, prompts[16:], lambda c, i: float(c.text == chance[16 + i]))
    assert seen > unseen + 0.3
