"""Which records teach, judged by the base model's mean reward on each, and in which order to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultyFilter:
    """Mean rewards to keep: a prompt always or never solved gives its whole group one reward, and no gradient.

    Attributes:
        above: Keep records whose mean reward is greater.
        below: Keep records whose mean reward is smaller.
        keeps_unknown: Keep records without a mean reward.
    """

    above: float = 0.0
    below: float = 1.0
    keeps_unknown: bool = True

    def __post_init__(self) -> None:
        if self.above >= self.below:
            raise InvalidInput(f"No mean reward is above {self.above} and below {self.below}.")

    def keep(self, records: Sequence[Record], mean_rewards: Mapping[str, float]) -> tuple[Record, ...]:
        """The records that are neither too easy nor too hard, in their order."""
        return tuple(record for record in records if self._keeps(mean_rewards.get(record.record_id)))

    def _keeps(self, mean_reward: float | None) -> bool:
        return self.keeps_unknown if mean_reward is None else self.above < mean_reward < self.below


def curriculum(records: Sequence[Record], mean_rewards: Mapping[str, float]) -> tuple[Record, ...]:
    """Easiest first; records without a mean reward last, equals in their order."""
    return tuple(sorted(records, key=lambda record: -mean_rewards.get(record.record_id, float("-inf"))))


class _Rated(msgspec.Struct):
    """A line of the difficulty file."""

    sample_id: str
    mean: float


def parse_mean_rewards(data: bytes, name: str) -> Mapping[str, float]:
    """Record id → mean reward: one JSON object, or the lines that the readiness step writes as its difficulty file.

    Raises:
        InvalidInput: It is neither; names ``name``.
    """
    try:
        if b'"sample_id"' in data:
            return {each.sample_id: each.mean for each in msgspec.json.Decoder(_Rated).decode_lines(data)}
        return msgspec.json.decode(data, type=dict[str, float])
    except msgspec.DecodeError as error:
        action = "Give the difficulty file that readiness writes, or a JSON object of record ids and mean rewards."
        raise InvalidInput(f"{name} is no readiness report: {error}.", action=action) from None
