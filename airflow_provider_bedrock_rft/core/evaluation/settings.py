"""How a model is evaluated: what is asked, how often, how fast, and at what cost at most."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_bedrock_rft.core.codec import fingerprint
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.evaluation.cost import Price

APIS = ("chat", "responses")
"""Ways of asking one completion; the first is everybody's."""

_COUNTS = (
    "completions_per_sample",
    "max_tokens",
    "max_concurrency",
    "grader_batch_size",
    "grader_concurrency",
    "batch_from",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """Settings of one evaluation.

    Attributes:
        completions_per_sample: How many completions each sample gets (k).
        max_tokens: Upper bound of one completion.
        temperature: ``None`` takes 0 for a single completion and 0.7 for several, which must differ to say anything.
        seed: Every completion's own seed is drawn from it.
        api: ``chat``, or ``responses`` for models of Mantle that have it.
        max_concurrency: Requests under way at most; fewer when the service refuses more.
        grader_batch_size: Completions per invocation of the grader.
        grader_concurrency: Invocations under way at most.
        max_grader_error_share: More completions than this share without a score end the evaluation.
        max_requests: Budget of requests to the model; stored answers cost nothing. ``None`` for no budget.
        max_completion_tokens: Budget of completion tokens, held against the worst case before the first request.
        price: What the model's tokens cost; with it the run says what it cost.
        max_cost: The most that the evaluation may cost, answers stored already included, in the price's currency.
        batch_role_arn: Role that Bedrock assumes for batch inference, native plane only; empty never asks in batch.
        batch_from: So many missing completions and more are asked for in batch.
        group_key: Metadata key of samples that depend on each other (same document, same user).
        slice_keys: Metadata keys by which the comparison is broken down.
        confidence: Coverage of the intervals.
        max_inline_scores: Up to this many samples travel within the payload; more stay in the object store.
    """

    completions_per_sample: int = 1
    max_tokens: int = 2048
    temperature: float | None = None
    seed: int = 0
    api: str = "chat"
    max_concurrency: int = 64
    grader_batch_size: int = 32
    grader_concurrency: int = 8
    max_grader_error_share: float = 0.0
    max_requests: int | None = None
    max_completion_tokens: int | None = None
    price: Price | None = None
    max_cost: float | None = None
    batch_role_arn: str = ""
    batch_from: int = 1000
    group_key: str = ""
    slice_keys: tuple[str, ...] = ()
    confidence: float = 0.95
    max_inline_scores: int = 200

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.max_cost is not None and self.price is None:
            raise InvalidInput(
                "max_cost cannot be held without a price.", action="Give price={'prompt': …, 'completion': …}."
            )
        if self.temperature is not None and self.temperature < 0:
            raise InvalidInput(f"temperature is {self.temperature}; it must not be negative.")
        if self.api not in APIS:
            raise InvalidInput(f"api is {self.api!r}; it must be one of {', '.join(APIS)}.")
        if not 0 < self.confidence < 1:
            raise InvalidInput(f"confidence is {self.confidence}; it must lie between 0 and 1.")

    @property
    def sampling_temperature(self) -> float:
        """The temperature that is sent."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.completions_per_sample == 1 else 0.7

    def asking_fingerprint(self, model: str) -> str:
        """Of what decides an answer besides the prompt: answers stored under it are never asked for again."""
        asked = [model, self.max_tokens, self.sampling_temperature, self.seed]
        return fingerprint(asked if self.api == APIS[0] else [*asked, self.api])[:16]
