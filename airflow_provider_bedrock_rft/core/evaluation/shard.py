"""A part of the samples, for one of several workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
_TEXT = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of ``of`` workers, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``2/8``.

        Raises:
            InvalidInput: It is no such text.
        """
        match = _TEXT.fullmatch(text.strip())
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of:
            raise InvalidInput(f"{text!r} is no shard.", action="Write 1/8 for the first of eight.")
        return cls(number=number, of=of)

    def part_of(self, samples: Sequence[T]) -> Sequence[T]:
        """Every sample is in exactly one shard; neighbours, which may be alike, are in different ones."""
        return samples[self.number - 1 :: self.of]
