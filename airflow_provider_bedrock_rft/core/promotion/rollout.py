"""Who is champion: numbered entries are the truth, the alias is a copy of the newest for applications to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump, payload
from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, InvalidInput

MAX_VALUE_BYTES = 4096
"""SSM's quota for a parameter of the standard tier."""
MAX_REASON_LENGTH = 600
_PIPELINE = re.compile(r"[a-zA-Z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where a pipeline's parameters are."""

    pipeline: str
    root: str = "/bedrock-rft"

    def __post_init__(self) -> None:
        if not _PIPELINE.fullmatch(self.pipeline):
            raise InvalidIdentifier(
                f"{self.pipeline!r} cannot name a pipeline.",
                action="Use up to 100 letters, digits, '-', '_' and '.', such as a dag id.",
            )

    @property
    def champion(self) -> str:
        """The alias that applications read."""
        return f"{self.root}/{self.pipeline}/champion"

    @property
    def challenger(self) -> str:
        """The alias of the candidate under consideration."""
        return f"{self.root}/{self.pipeline}/challenger"

    def entry(self, number: int) -> str:
        """A numbered entry of the history."""
        return f"{self.root}/{self.pipeline}/history/{number:06}"

    def test(self, year: str, number: int) -> str:
        """A numbered entry of the ledger of tests."""
        return f"{self.root}/{self.pipeline}/tests/{year}/{number:06}"


@payload("rft.champion")
@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionEntry:
    """One change of champion; the alias holds the newest.

    Attributes:
        number: From 1; entries are never changed.
        pipeline: Whose champion.
        model: The model that serves from here on; what an application reads.
        action: ``promote`` or ``rollback``.
        promotion_id: The same id never moves the champion twice.
        actor: Who: a dag run, or a person.
        reason: Why, in words.
        at: When, in epoch seconds, UTC.
        previous_model: What served before; empty for the first.
        predecessor: Number of the entry a rollback returns to; 0 for none.
        lineage: Name → fingerprint of what the model was made from and judged by.
    """

    number: int
    pipeline: str
    model: str
    action: str
    promotion_id: str
    actor: str
    reason: str
    at: float
    previous_model: str = ""
    predecessor: int = 0
    lineage: Mapping[str, str] = field(default_factory=dict)


def to_value(entry: ChampionEntry) -> str:
    """The parameter's value.

    Raises:
        InvalidInput: It is larger than a standard parameter may be.
    """
    value = canonical_json(dump(entry))
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidInput(
            f"The entry of {entry.model} has {len(value):,} bytes; a parameter holds {MAX_VALUE_BYTES:,}.",
            action="Give fewer lineage fingerprints.",
        )
    return value.decode()


def plain_reason(reason: str) -> str:
    """``reason``, short enough for a parameter and without the ``{{`` that SSM takes for a reference."""
    return reason.replace("{{", "{ {")[:MAX_REASON_LENGTH]
