"""A training session: sample groups of completions for some prompts, then learn from the rewards they got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion, complete
from airflow_provider_bedrock_rft.emulator.learner.grpo import Learner, UpdateMetrics
from airflow_provider_bedrock_rft.emulator.learner.reading.messages import Message
from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import Prompt, read_prompt
from airflow_provider_bedrock_rft.emulator.learner.sampling import Decision, Sampler


class RewardsOutOfPlace(ValueError):
    """Rewards came that do not fit the completions sampled last."""

    def __init__(self, expected: Sequence[int], got: Sequence[int]) -> None:
        super().__init__(
            f"Rewards for groups of {list(got)} completions came, but groups of {list(expected)} were sampled last. "
            "Sample first, and give one reward or null per completion."
        )


@dataclass(slots=True, kw_only=True)
class TrainingSession:
    """One job's learner with its prompts. Sampling depends on (seed, step) and the weights alone."""

    prompts: Sequence[Sequence[Message]]
    learner: Learner
    seed: int
    max_completion_tokens: int | None = None
    _read: dict[int, Prompt] = field(default_factory=dict)
    _last: list[list[list[Decision]]] = field(default_factory=list)

    def sample(self, ids: Sequence[int], group_size: int, step: int) -> list[list[Completion]]:
        """``group_size`` completions for each prompt named by its index."""
        random = Random(f"{self.seed}:{step}")
        completions: list[list[Completion]] = []
        self._last = []
        for i in ids:
            sampler = Sampler(self.learner.weights, random.random)
            group = [self._complete(i, sampler) for _ in range(group_size)]
            completions.append([completion for completion, _ in group])
            self._last.append([trace for _, trace in group])
        return completions

    def _complete(self, i: int, sampler: Sampler) -> tuple[Completion, list[Decision]]:
        sampler.trace = []
        completion = complete(self._prompt(i), sampler, max_tokens=self.max_completion_tokens)
        return completion, sampler.trace

    def _prompt(self, i: int) -> Prompt:
        if i not in self._read:
            self._read[i] = read_prompt(self.prompts[i])
        return self._read[i]

    def update(self, rewards_P_G: Sequence[Sequence[float | None]]) -> UpdateMetrics:  # noqa: N803
        """Learn from the rewards of the completions sampled last, in their order.

        Raises:
            RewardsOutOfPlace: if their numbers differ from what was sampled.
        """
        expected, got = [len(group) for group in self._last], [len(rewards) for rewards in rewards_P_G]
        if expected != got or not expected:
            raise RewardsOutOfPlace(expected, got)
        metrics = self.learner.update(self._last, rewards_P_G)
        self._last = []
        return metrics

    def evaluate(self, ids: Sequence[int]) -> list[Completion]:
        """The greedy completion of each prompt."""
        greedy = [Sampler(self.learner.weights, _never, 0.0, is_training=False) for _ in ids]
        return [self._complete(i, sampler)[0] for i, sampler in zip(ids, greedy, strict=True)]


def _never() -> float:
    return 0.0
