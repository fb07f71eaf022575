"""When a candidate is good enough to serve: stated before the data is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import InvalidPolicy

ANY_SLICE = "*"
"""In ``slice_margins``: every slice that is not named."""
GROWTHS = frozenset({"completion_tokens", "latency_ms"})
"""What ``max_growth`` can limit."""


@payload("rft.promotion_policy")
@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionPolicy:
    """What a promotion asks for.

    Attributes:
        minimum_gain: The estimated difference must reach it; that it is above zero is tested.
        confidence: Coverage of all intervals.
        alpha: Chance that one test promotes a model that is no better.
        yearly_risk: Chance that any of a calendar year's tests does; ``None`` judges each run by ``alpha`` alone.
        runs_per_year: Tests among which ``yearly_risk`` is divided.
        power: Chance with which a gain worth having should be seen.
        worthwhile_gain: The true gain that power and "n more samples" are stated for; ``minimum_gain`` where larger.
        min_samples: Fewer pairs are held, whatever they say.
        slice_margins: ``key=value`` → the loss that is still no regression; ``*`` for all slices not named.
        max_growth: ``completion_tokens`` or ``latency_ms`` → growth allowed (0.1 is 10 %).
        max_reward_gap: How far the training reward may stand above the held-out score.
        requires_approval: A person confirms before a promotion.
    """

    minimum_gain: float = 0.0
    confidence: float = 0.95
    alpha: float = 0.05
    yearly_risk: float | None = None
    runs_per_year: int = 52
    power: float = 0.8
    worthwhile_gain: float = 0.02
    min_samples: int = 30
    slice_margins: Mapping[str, float] = field(default_factory=dict)
    max_growth: Mapping[str, float] = field(default_factory=dict)
    max_reward_gap: float | None = None
    requires_approval: bool = False

    def __post_init__(self) -> None:
        risk = {} if self.yearly_risk is None else {"yearly_risk": self.yearly_risk}
        shares = {"confidence": self.confidence, "alpha": self.alpha, "power": self.power, **risk}
        counts = {"runs_per_year": self.runs_per_year, "min_samples": self.min_samples}
        limits = {**self.slice_margins, **self.max_growth, "minimum_gain": self.minimum_gain}
        _refuse({n: v for n, v in shares.items() if not 0 < v < 1}, "it must lie between 0 and 1")
        _refuse({n: v for n, v in counts.items() if v < 1}, "it must be at least 1")
        _refuse({n: v for n, v in limits.items() if not 0 <= v < float("inf")}, "it must be zero or more, and finite")
        unknown = self.max_growth.keys() - GROWTHS
        _refuse({n: self.max_growth[n] for n in unknown}, f"max_growth knows {' and '.join(sorted(GROWTHS))}")

    @property
    def target_gain(self) -> float:
        """The true gain that power is stated for."""
        return max(self.minimum_gain, self.worthwhile_gain)

    @classmethod
    def from_mapping(cls, fields: object) -> PromotionPolicy:
        """The policy that a YAML or JSON document states.

        Raises:
            InvalidPolicy: It is not a mapping, has an unknown field, or contradicts itself.
        """
        if not isinstance(fields, Mapping):
            raise InvalidPolicy(
                "A policy is a mapping of its fields.", action="Write for example `minimum_gain: 0.02`."
            )
        unknown = sorted(map(str, fields.keys() - set(cls.__slots__)))
        if unknown:
            raise InvalidPolicy(
                f"A policy has no field {unknown[0]!r}.", action=f"It knows {', '.join(cls.__slots__)}."
            )
        try:
            return msgspec.convert(fields, cls)
        except msgspec.ValidationError as error:
            raise InvalidPolicy(f"The policy cannot be read: {error}.") from None


def _refuse(wrong: Mapping[str, float], rule: str) -> None:
    for name, value in wrong.items():
        raise InvalidPolicy(f"{name} is {value}: {rule}.", action="Correct the promotion policy.", field=name)
