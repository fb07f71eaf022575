"""Near duplicates: MinHash proposes pairs, weighted Jaccard decides.

Two records are near when their prompts share most of their rarer words in whatever order, *and* they name the same
numbers and have the same answer: word problems made from one template differ in just these, and are no duplicates.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset import normal
from airflow_provider_bedrock_rft.core.dataset.equality import prompt_key
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from airflow_provider_bedrock_rft.core.dataset.record import Record

N_BANDS, ROWS_PER_BAND = 14, 4
"""Pairs of Jaccard 0.8 are proposed with probability above 0.999, of 0.4 with 0.3."""
THRESHOLD = 0.85
_CHUNK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Two near records by index; ``first`` came earlier.

    Attributes:
        similarity: Weighted Jaccard of their words, 1.0 for the same words in any order.
        has_same_text: They differ in case, space, look-alikes or number format only.
        has_same_answer: Their references mean the same.
    """

    first: int
    second: int
    similarity: float
    has_same_text: bool
    has_same_answer: bool


@dataclass(slots=True)
class NearIndex:
    """Takes in prompts and keeps what is needed to compare them: 8 bytes per word, and 32 per record."""

    _features: array[int] = field(default_factory=lambda: array("q"))
    _ends: array[int] = field(default_factory=lambda: array("q", [0]))
    _blocks: array[int] = field(default_factory=lambda: array("q"))
    _texts: array[int] = field(default_factory=lambda: array("q"))
    _prompts: array[int] = field(default_factory=lambda: array("q"))
    _answers: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, record: Record) -> None:
        """Take in one record; its index is the number of those before it."""
        text = normal.normalised(record.prompt)
        words = normal.tokens(text)
        answer = hash(normal.gist(reference_text(record.reference)))
        seen: dict[str, int] = {}
        for word in words or [""]:
            n_before = seen[word] = seen.get(word, -1) + 1
            self._features.append(hash(word) ^ n_before)
        self._ends.append(len(self._features))
        self._blocks.append(hash((normal.numbers(words), answer)))
        self._texts.append(hash(text))
        self._prompts.append(prompt_key(record))
        self._answers.append(answer)

    def pairs(self) -> Iterator[Near]:
        """Each record that is near an earlier one, with that one; equal prompts are not near but equal."""
        found: set[int] = set()
        for first, second in self._same_texts():
            found.add(second)
            yield Near(
                first=first,
                second=second,
                similarity=1.0,
                has_same_text=True,
                has_same_answer=self._answers[first] == self._answers[second],
            )
        weights = self._weights()
        for first, second in self._candidates():
            if second in found or self._prompts[first] == self._prompts[second]:
                continue
            similarity = _jaccard(self._weighted(first, weights), self._weighted(second, weights))
            if similarity >= THRESHOLD:
                found.add(second)
                yield Near(first=first, second=second, similarity=similarity, has_same_text=False, has_same_answer=True)

    def _weights(self) -> np.ndarray:
        """For each feature of each record its squared inverse document frequency: what every prompt says, or every
        prompt of a template, counts little.
        """
        import numpy as np  # noqa: PLC0415  # 0.1 s that only a check pays

        features = np.frombuffer(self._features, dtype=np.int64)
        _, which, counts = np.unique(features, return_inverse=True, return_counts=True)
        weights: np.ndarray = (np.log((1 + len(self)) / counts) ** 2)[which]
        return weights

    def _weighted(self, index: int, weights: np.ndarray) -> dict[int, float]:
        start, stop = self._ends[index], self._ends[index + 1]
        return dict(zip(self._features[start:stop], weights[start:stop].tolist(), strict=True))

    def _same_texts(self) -> Iterator[tuple[int, int]]:
        first_of: dict[int, int] = {}
        for index, text in enumerate(self._texts):
            first = first_of.setdefault(text, index)
            if first != index and self._prompts[first] != self._prompts[index]:
                yield first, index

    def _candidates(self) -> list[tuple[int, int]]:
        """Pairs that share a block and a band of MinHash values, in order."""
        pairs: set[tuple[int, int]] = set()
        for band in self._bands():
            order = band.argsort(kind="stable")
            ordered = band[order]
            for position in (ordered[1:] == ordered[:-1]).nonzero()[0].tolist():
                pairs.add((int(order[position]), int(order[position + 1])))
        return sorted(pairs, key=lambda pair: (pair[1], pair[0]))

    def _bands(self) -> np.ndarray:
        """Band keys, shape ``(N_BANDS, n)``: equal where block and all MinHash values of the band are."""
        import numpy as np  # noqa: PLC0415

        random = np.random.default_rng(20_261_120)
        factors = random.integers(1, 2**63, N_BANDS * ROWS_PER_BAND, dtype=np.uint64) | np.uint64(1)
        features = np.frombuffer(self._features, dtype=np.int64).astype(np.uint64)
        ends = np.frombuffer(self._ends, dtype=np.int64)
        keys = np.tile(np.array(self._blocks, dtype=np.int64).astype(np.uint64), (N_BANDS, 1))
        for start in range(0, len(self), _CHUNK):
            stop = min(start + _CHUNK, len(self))
            flat = features[ends[start] : ends[stop]]
            offsets = ends[start:stop] - ends[start]
            for number, factor in enumerate(factors):
                signature = np.minimum.reduceat((flat * factor) >> np.uint64(32), offsets)
                part = keys[number // ROWS_PER_BAND, start:stop]
                part[:] = (part ^ signature) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x7F4A7C15)
        return keys


def _jaccard(one: dict[int, float], other: dict[int, float]) -> float:
    union = sum((one | other).values())
    return sum(weight for feature, weight in one.items() if feature in other) / union if union else 1.0
