"""The policy at work: it picks candidates by their weights, and remembers what it picked."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from airflow_provider_bedrock_rft.emulator.learner.choice import Choice
from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray

GREEDY_BELOW = 1e-3
MAX_REMEMBERED = 512


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A choice under fixed weights: the best candidate, the entropy in nats of the candidates' probabilities, and the
    running sum of those at a temperature.
    """

    choice: Choice
    best: int
    entropy: float
    cumulative: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A candidate picked from a choice."""

    choice: Choice
    picked: int
    entropy: float = 0.0


@dataclass(slots=True)
class Memory:
    """The choices met on one prompt under one set of weights at one temperature, so that a group scores each once."""

    scored: dict[Hashable, Scored] = field(default_factory=dict)


@dataclass(slots=True)
class Sampler:
    """Decides by the policy's own probabilities at ``temperature``; greedily at 0.

    ``is_training`` keeps the features of what was decided, to learn from.
    """

    weights: FloatArray
    random: Callable[[], float]
    temperature: float = 1.0
    is_training: bool = True
    memory: Memory = field(default_factory=Memory)
    trace: list[Decision] = field(default_factory=list)

    def decide(self, key: Hashable, build: Callable[[], Choice]) -> str:
        """Pick a candidate and note the decision."""
        scored = self.memory.scored.get(key)
        if scored is None:
            if len(self.memory.scored) >= MAX_REMEMBERED:
                self.memory.scored.clear()
            scored = self.memory.scored[key] = self._score(build())
        picked = scored.best
        if self.temperature >= GREEDY_BELOW:
            draw, picked = self.random(), 0
            while picked < len(scored.cumulative) - 1 and draw >= scored.cumulative[picked]:
                picked += 1
        self.trace.append(Decision(scored.choice, picked, scored.entropy))
        return scored.choice.names[picked]

    def _score(self, choice: Choice) -> Scored:
        logits = choice.logits(self.weights).astype(np.float64)
        best = int(logits.argmax())
        if not self.is_training:
            choice = choice.without_features()
        if self.temperature < GREEDY_BELOW:
            return Scored(choice, best, 0.0, ())
        odds = np.exp((logits - logits[best]) / self.temperature)
        p = odds / odds.sum()
        entropy = -float(p @ np.log(np.maximum(p, 1e-300)))
        return Scored(choice, best, entropy, tuple(accumulate(p.tolist())))
