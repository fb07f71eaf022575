"""What tokens cost, as the user states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

_MILLION = 1_000_000
_TEMPLATE_TOKENS_PER_TURN = 16
"""More than any chat template puts round a turn."""
_TEMPLATE_TOKENS = 256
"""More than any chat template puts in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model's tokens cost, in the user's currency, as AWS's price list states it.

    Attributes:
        prompt: Per million prompt tokens.
        completion: Per million completion tokens.
        batch_share: What batch inference costs, as a share of the above.
    """

    prompt: float
    completion: float
    batch_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("prompt", "completion", "batch_share"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidInput(f"The price's {name} is {getattr(self, name)}; it must be zero or more, and finite.")

    def of(self, *, prompt_tokens: int, completion_tokens: int, in_batch: bool = False) -> float:
        """The cost of so many tokens."""
        full = (prompt_tokens * self.prompt + completion_tokens * self.completion) / _MILLION
        return full * self.batch_share if in_batch else full


def most_tokens(turns: Sequence[str]) -> int:
    """More than a prompt can have: a byte-level tokenizer never makes more tokens than there are bytes."""
    sizes = (len(turn.encode("utf-8", "replace")) for turn in turns)
    return sum(sizes) + _TEMPLATE_TOKENS_PER_TURN * len(turns) + _TEMPLATE_TOKENS
