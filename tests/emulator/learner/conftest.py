"""Problems of kinds the base was never shown, graders, and a training loop as a job runs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion
from airflow_provider_bedrock_rft.emulator.learner.grpo import GrpoSettings, Learner, UpdateMetrics
from airflow_provider_bedrock_rft.emulator.learner.session import TrainingSession
from airflow_provider_bedrock_rft.emulator.learner.weights import zero_weights

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray

NAMES = ["Maya", "Tom", "Lena", "Omar", "Sara", "Felix", "Nora", "Ivan", "Ruth", "Paul"]
THINGS = ["pears", "stones", "toys", "stamps", "plums", "cakes", "balls", "rings", "nuts", "roses"]
HASH = ' Let\'s think step by step and output the final answer after "####".'

Story = Callable[[Random, str, str, str], tuple[str, float]]
Grader = Callable[[Completion, int], float | None]


def per_crate(r: Random, a: str, _: str, x: str) -> tuple[str, float]:
    n, m, c = r.randint(3, 12), r.randint(4, 15), r.randint(2, 10)
    return (
        f"{a} packs {n} crates with {m} {x} per crate. Then {c} {x} turn out to be rotten. How many good {x} does {a} have?",
        n * m - c,
    )


def percent_off(r: Random, a: str, *_: str) -> tuple[str, float]:
    p, q = 20 * r.randint(2, 15), r.choice([10, 20, 25, 50])
    return (
        f"A jacket has a price of ${p}. The shop takes {q}% off the price. What does {a} pay for the jacket?",
        p - p * q / 100,
    )


def twice_together(r: Random, a: str, b: str, x: str) -> tuple[str, float]:
    n = r.randint(3, 50)
    return f"{a} found {n} {x}. {b} found twice as many {x} as {a}. How many {x} did they find together?", 3 * n


def shared_rest(r: Random, a: str, b: str, x: str) -> tuple[str, float]:
    k, q, g = r.randint(2, 8), r.randint(3, 12), r.randint(2, 20)
    return (
        f"{a} picked {k * q + g} {x} and gave {g} of them to {b}. The rest go into {k} bowls. How many {x} are in each bowl?",
        q,
    )


def rate_and_more(r: Random, a: str, _: str, x: str) -> tuple[str, float]:
    s, h, d = r.randint(5, 20), r.randint(2, 8), r.randint(3, 30)
    return (
        f"{a} paints {s} {x} per hour and works {h} hours. {a} had {d} painted {x} before. How many painted {x} are there now?",
        s * h + d,
    )


def easy_sum(r: Random, a: str, b: str, x: str) -> tuple[str, float]:
    n, m = r.randint(3, 90), r.randint(2, 60)
    return f"{a} has {n} {x}. {b} gives {a} {m} more {x}. How many {x} does {a} have altogether?", n + m


def easy_product(r: Random, a: str, _: str, x: str) -> tuple[str, float]:
    n, m = r.randint(3, 24), r.randint(2, 20)
    return f"Each box holds {n} {x}. {a} buys {m} boxes. How many {x} does {a} have?", n * m


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (per_crate, percent_off, twice_together, shared_rest, rate_and_more, easy_sum, easy_product)
}


@dataclass(frozen=True)
class Task:
    """Prompts with the answers that only the grader knows, and each prompt's kind."""

    prompts: list[list[dict[str, object]]]
    answers: list[float]
    kinds: list[str]


@pytest.fixture
def make_task() -> Callable[..., Task]:
    def make(kinds: Sequence[str], n: int, seed: int, ending: str = HASH) -> Task:
        prompts: list[list[dict[str, object]]] = []
        random, answers, chosen = Random(seed), list[float](), list[str]()
        for _ in range(n):
            kind = random.choice(list(kinds))
            a, b = random.sample(NAMES, 2)
            text, result = STORIES[kind](random, a, b, random.choice(THINGS))
            prompts.append([{"role": "user", "content": text + ending}])
            answers.append(result)
            chosen.append(kind)
        return Task(prompts, answers, chosen)

    return make


@pytest.fixture
def exact_match() -> Callable[[Task], Grader]:
    """1 for ``#### n`` at the end with the right n, else 0."""

    def of(task: Task) -> Grader:
        def grade(completion: Completion, i: int) -> float:
            match = re.search(r"#### (-?[\d.]+)$", completion.text)
            return float(match is not None and float(match[1].rstrip(".") or 0) == task.answers[i])

        return grade

    return of


@dataclass
class Run:
    """A finished training: rewards and lengths by step, the last metrics, the session."""

    session: TrainingSession
    rewards: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    metrics: list[UpdateMetrics] = field(default_factory=list)

    @property
    def weights(self) -> FloatArray:
        return self.session.learner.weights


def new_session(prompts: Sequence[Sequence[dict[str, object]]], seed: int = 0, **settings: Any) -> TrainingSession:
    learner = Learner(
        weights=base_weights().copy(),
        reference=base_weights(),
        squares=zero_weights(),
        settings=replace(GrpoSettings(kl=0.02), **settings),
    )
    return TrainingSession(prompts=prompts, learner=learner, seed=seed)


@pytest.fixture
def make_session() -> Callable[..., TrainingSession]:
    return new_session


@pytest.fixture
def train() -> Callable[..., Run]:
    def loop(
        prompts: Sequence[Sequence[dict[str, object]]],
        grade: Grader,
        n_steps: int,
        *,
        on_step: Callable[[int, FloatArray], None] = lambda _step, _weights: None,
        **settings: float,
    ) -> Run:
        seed = int(settings.pop("seed", 0))
        run, random, order = Run(new_session(prompts, seed, **settings)), Random(seed), list[int]()
        for step in range(n_steps):
            if len(order) < 4:
                order = random.sample(range(len(prompts)), len(prompts))
            ids = [order.pop() for _ in range(4)]
            groups = run.session.sample(ids, 8, step)
            rewards = [[grade(c, i) for c in group] for i, group in zip(ids, groups, strict=True)]
            run.metrics.append(run.session.update(rewards))
            run.rewards.append(fmean(r for rs in rewards for r in rs if r is not None))
            run.lengths.append(fmean(c.n_tokens for group in groups for c in group))
            on_step(step + 1, run.weights)
        return run

    return loop


@pytest.fixture
def score() -> Callable[..., float]:
    """The mean score of greedy completions, or of one sample each, under some weights."""

    def of(
        weights: FloatArray, prompts: Sequence[Sequence[dict[str, object]]], grade: Grader, *, greedy: bool = True
    ) -> float:
        session = new_session(prompts)
        session.learner.weights = weights
        ids = range(len(prompts))
        completions = session.evaluate(ids) if greedy else [group[0] for group in session.sample(ids, 1, 0)]
        return fmean(grade(c, i) or 0.0 for i, c in enumerate(completions))

    return of
