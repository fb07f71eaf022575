"""Maximum likelihood over lessons, and the habits that make the base follow formats only part of the time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np

from airflow_provider_bedrock_rft.emulator.learner.choice import Candidate, build_choice
from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray, bag_of
from airflow_provider_bedrock_rft.emulator.learner.grpo import gather
from airflow_provider_bedrock_rft.emulator.learner.pretraining.lessons import make_lessons
from airflow_provider_bedrock_rft.emulator.learner.weights import zero_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.learner.sampling import Decision

SEED = 20_260
N_LESSONS = 4_000
N_EPOCHS = 6
BATCH = 100
RATE = 0.15
DAMPING = 0.01
SHRINK = 1e-4
GRAIN = 1 / 16
MANNER_SPREAD = 2.0
SETTINGS = (N_LESSONS, N_EPOCHS, BATCH, RATE, DAMPING, SHRINK, GRAIN, MANNER_SPREAD)


def fit(lessons: Sequence[Sequence[Decision]], n_epochs: int, random: Random) -> FloatArray:
    """Weights under which the lessons' decisions are likely."""
    weights, squares = zero_weights().astype(np.float64), np.zeros(zero_weights().size)
    batches = [
        batch
        for start in range(0, len(lessons), BATCH)
        if (batch := gather(lessons[start : start + BATCH], [1.0] * len(lessons[start : start + BATCH])))
    ]
    for _ in range(n_epochs):
        random.shuffle(batches)
        for batch in batches:
            p = np.exp(batch.log_probabilities(weights.astype(np.float32)))
            times = np.bincount(batch.choice_of_decision, minlength=len(batch.choice_starts))[batch.choice_of_row]
            rows = np.bincount(batch.picked_row, minlength=len(p)) - p * times
            gradient = batch.to_weights(rows) / batch.n_completions - SHRINK * weights
            squares += gradient * gradient
            weights += RATE * gradient / np.sqrt(squares + DAMPING**2)
    return weights.astype(np.float32)


def add_manners(weights: FloatArray, random: Random) -> FloatArray:
    """The weights with chance in how names and figures sway the format: the base obeys some prompts, not others."""
    buckets = bag_of((str(bucket) for bucket in range(64)), 64)
    asked = Candidate(name="asked", traits=("",), crossed=("manner asked",))
    index = build_choice("format", [asked], buckets).index_C_F
    swayed: FloatArray = weights.copy()
    for bucket in index[0, 1:]:
        swayed[bucket] = random.gauss(0.0, MANNER_SPREAD)
    return swayed


def make_base(*, n_lessons: int = N_LESSONS, n_epochs: int = N_EPOCHS) -> FloatArray:
    """The base's weights, rounded to a grain so that they pack well."""
    random = Random(SEED)
    weights = fit(make_lessons(random, n_lessons), n_epochs, random)
    rounded: FloatArray = (np.round(add_manners(weights, random) / GRAIN) * GRAIN).astype(np.float32)
    return rounded
