"""Group-relative policy optimisation: rewards of a batch of groups become one change of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from airflow_provider_bedrock_rft.emulator.learner.features import DIMENSION, FloatArray, IntArray
from airflow_provider_bedrock_rft.emulator.learner.sampling import Decision

Doubles = npt.NDArray[np.float64]
Trace = Sequence[Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpoSettings:
    """How far and how carefully to move. ``learning_rate`` multiplies the policy's own rate."""

    learning_rate: float = 1.0
    kl: float = 0.0
    inner_steps: int = 2
    clip_low: float = 0.2
    clip_high: float = 0.28
    rate: float = 0.1
    damping: float = 0.003


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMetrics:
    """What an update did, under the names the service's metric events use."""

    actor_pg_loss: float = 0.0
    actor_entropy: float = 0.0
    actor_grad_norm: float = 0.0
    critic_advantages_mean: float = 0.0
    actor_ppo_kl: float = 0.0
    actor_pg_clipfrac: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerStep:
    """One pass over a batch: the clipped loss before it, and the length of its gradient."""

    loss: float
    gradient_norm: float


def advantages(rewards: Sequence[float | None]) -> list[float]:
    """Each reward's distance from its group's mean in standard deviations.

    All zero where the group's rewards do not differ; zero for a completion that got no (finite) reward.
    """
    rewards = [reward if reward is not None and isfinite(reward) else None for reward in rewards]
    known = np.array([reward for reward in rewards if reward is not None], np.float64)
    if known.size < 2 or known.std() < 1e-9:
        return [0.0] * len(rewards)
    mean, deviation = known.mean(), known.std() + 1e-6
    return [0.0 if reward is None else float((reward - mean) / deviation) for reward in rewards]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Decisions of many completions over their distinct choices, flattened: rows are candidates of choices."""

    index: IntArray
    value: FloatArray
    row_widths: npt.NDArray[np.int64]
    row_starts: npt.NDArray[np.int64]
    choice_starts: npt.NDArray[np.int64]
    choice_of_row: npt.NDArray[np.int64]
    choice_of_decision: npt.NDArray[np.int64]
    picked_row: npt.NDArray[np.int64]
    advantage: Doubles
    n_completions: int

    def log_probabilities(self, weights: FloatArray) -> Doubles:
        """The log-probability of every row within its choice."""
        products: Doubles = weights[self.index].astype(np.float64) * self.value
        scores: Doubles = np.add.reduceat(products, self.row_starts)
        scores -= np.maximum.reduceat(scores, self.choice_starts)[self.choice_of_row]
        total: Doubles = np.add.reduceat(np.exp(scores), self.choice_starts)
        log_p: Doubles = scores - np.log(total)[self.choice_of_row]
        return log_p

    def per_choice(self, rows: Doubles) -> Doubles:
        """Row values summed over the candidates of each choice."""
        sums: Doubles = np.add.reduceat(rows, self.choice_starts)
        return sums

    def to_weights(self, rows: Doubles) -> Doubles:
        """A gradient by the rows' scores as a gradient by the weights."""
        spread: Doubles = np.repeat(rows, self.row_widths) * self.value
        return np.bincount(self.index, weights=spread, minlength=DIMENSION).astype(np.float64)


def gather(traces: Sequence[Trace], advantage_of_trace: Sequence[float]) -> Batch | None:
    """The batch of the completions whose advantage is not zero; None if there is none."""
    taken = [(trace, advantage) for trace, advantage in zip(traces, advantage_of_trace, strict=True) if advantage]
    if not taken:
        return None
    decisions = [decision for trace, _ in taken for decision in trace]
    choices = list({id(d.choice): d.choice for d in decisions}.values())
    number = {id(choice): n for n, choice in enumerate(choices)}
    n_rows = np.array([len(choice.names) for choice in choices])
    widths = np.concatenate([np.full(len(c.names), c.index_C_F.shape[1]) for c in choices])
    choice_starts = np.concatenate([[0], np.cumsum(n_rows)[:-1]])
    of_decision = np.array([number[id(d.choice)] for d in decisions])
    return Batch(
        index=np.concatenate([c.index_C_F.ravel() for c in choices]),
        value=np.concatenate([c.value_C_F.ravel() for c in choices]),
        row_widths=widths,
        row_starts=np.concatenate([[0], np.cumsum(widths)[:-1]]),
        choice_starts=choice_starts,
        choice_of_row=np.repeat(np.arange(len(choices)), n_rows),
        choice_of_decision=of_decision,
        picked_row=choice_starts[of_decision] + np.array([d.picked for d in decisions]),
        advantage=np.array([advantage for trace, advantage in taken for _ in trace]),
        n_completions=len(traces),
    )


@dataclass(slots=True, kw_only=True)
class Learner:
    """Weights in training, with the reference they are held to and the optimiser's running squares."""

    weights: FloatArray
    reference: FloatArray
    squares: FloatArray
    settings: GrpoSettings

    def update(self, groups: Sequence[Sequence[Trace]], rewards_P_G: Sequence[Sequence[float | None]]) -> UpdateMetrics:  # noqa: N803
        """Learn from one batch; nothing changes where no group's rewards differ."""
        traces = [trace for group in groups for trace in group]
        advantage = [a for rewards in rewards_P_G for a in advantages(rewards)]
        batch = gather(traces, advantage)
        if batch is None:
            return UpdateMetrics(actor_entropy=mean_entropy(traces))
        old = log_p = batch.log_probabilities(self.weights)
        reference = batch.log_probabilities(self.reference) if self.settings.kl else old
        steps: list[InnerStep] = []
        for _ in range(max(1, self.settings.inner_steps)):
            steps.append(self._inner_step(batch, log_p, old, reference))
            log_p = batch.log_probabilities(self.weights)
        moved = log_p[batch.picked_row] - old[batch.picked_row]
        outside = (moved > np.log1p(self.settings.clip_high)) | (moved < np.log1p(-self.settings.clip_low))
        return UpdateMetrics(
            actor_pg_loss=steps[-1].loss,
            actor_entropy=mean_entropy(traces),
            actor_grad_norm=steps[0].gradient_norm,
            critic_advantages_mean=float(np.mean(advantage)),
            actor_ppo_kl=float(-moved.mean()),
            actor_pg_clipfrac=float(outside.mean()),
        )

    def _inner_step(self, batch: Batch, log_p: Doubles, old: Doubles, reference: Doubles) -> InnerStep:
        settings = self.settings
        ratio = np.exp(np.clip(log_p[batch.picked_row] - old[batch.picked_row], -20, 20))
        clipped = np.clip(ratio, 1 - settings.clip_low, 1 + settings.clip_high)
        gain, held = ratio * batch.advantage, clipped * batch.advantage
        push = np.where(gain <= held, gain, 0.0)
        rows = self._row_gradient(batch, log_p, reference, push)
        gradient = batch.to_weights(rows) / batch.n_completions
        self._step(gradient)
        loss = -float(np.minimum(gain, held).mean())
        return InnerStep(loss=loss, gradient_norm=float(np.sqrt(np.square(gradient).sum())))

    def _row_gradient(self, batch: Batch, log_p: Doubles, reference: Doubles, push: Doubles) -> Doubles:
        p: Doubles = np.exp(log_p)
        n_choices = len(batch.choice_starts)
        rows: Doubles = (
            -p * np.bincount(batch.choice_of_decision, weights=push, minlength=n_choices)[batch.choice_of_row]
        )
        rows += np.bincount(batch.picked_row, weights=push, minlength=len(p))
        times = np.bincount(batch.choice_of_decision, minlength=n_choices)[batch.choice_of_row]
        divergence = batch.per_choice(p * (log_p - reference))[batch.choice_of_row]
        rows -= self.settings.kl * times * p * (log_p - reference - divergence)
        return rows

    def _step(self, gradient: Doubles) -> None:
        touched = np.flatnonzero(gradient)
        change = gradient[touched]
        squares = self.squares[touched] + change * change
        rate = self.settings.rate * self.settings.learning_rate
        self.squares[touched] = squares
        self.weights[touched] += rate * change / np.sqrt(squares + self.settings.damping**2)


def mean_entropy(traces: Sequence[Trace]) -> float:
    """The mean entropy, in nats, of the decisions as they were taken."""
    entropies = [decision.entropy for trace in traces for decision in trace]
    return float(np.mean(entropies)) if entropies else 0.0
