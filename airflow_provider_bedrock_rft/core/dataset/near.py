"""Near duplicates: MinHash proposes pairs, weighted Jaccard decides.

Two records are near when their prompts share most of their rarer words in whatever order, *and* they name the same
numbers and have the same answer: word problems made from one template differ in just these, and are no duplicates.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset import normal
from airflow_provider_bedrock_rft.core.dataset.equality import prompt_key
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    """Takes in prompts and keeps what is needed to compare them: about 12 bytes per word."""

    _features: list[tuple[int, ...]] = field(default_factory=list)
    _blocks: list[int] = field(default_factory=list)
    _texts: list[int] = field(default_factory=list)
    _prompts: list[int] = field(default_factory=list)
    _answers: list[int] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Take in one record; its index is the number of those before it."""
        text = normal.normalised(record.prompt)
        words = normal.tokens(text)
        answer = hash(normal.gist(reference_text(record.reference)))
        seen: dict[str, int] = {}
        features = []
        for word in words:
            n_before = seen[word] = seen.get(word, -1) + 1
            features.append(hash(word) ^ n_before)
        self._features.append(tuple(features))
        self._blocks.append(hash((normal.numbers(words), answer)))
        self._texts.append(hash(text))
        self._prompts.append(prompt_key(record))
        self._answers.append(answer)

    def pairs(self) -> Iterator[Near]:
        """Each record that is near an earlier one, with that one; equal prompts are not near but equal."""
        weights = self._weights()
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
        for first, second in self._candidates():
            if second in found or self._prompts[first] == self._prompts[second]:
                continue
            similarity = _jaccard(self._features[first], self._features[second], weights)
            if similarity >= THRESHOLD:
                found.add(second)
                yield Near(first=first, second=second, similarity=similarity, has_same_text=False, has_same_answer=True)

    def _weights(self) -> dict[int, float]:
        """Squared inverse document frequency: what every prompt says, or every prompt of a template, counts little."""
        documents: Counter[int] = Counter()
        for features in self._features:
            documents.update(features)
        n = len(self._features)
        return {feature: log((1 + n) / count) ** 2 for feature, count in documents.items()}

    def _same_texts(self) -> Iterator[tuple[int, int]]:
        first_of: dict[int, int] = {}
        for index, text in enumerate(self._texts):
            first = first_of.setdefault(text, index)
            if first != index and self._prompts[first] != self._prompts[index]:
                yield first, index

    def _candidates(self) -> list[tuple[int, int]]:
        """Pairs that share a block and a band of MinHash values, in order."""
        bands = _bands(self._features, self._blocks)
        pairs: set[tuple[int, int]] = set()
        for band in bands:
            order = band.argsort(kind="stable")
            ordered = band[order]
            for position in (ordered[1:] == ordered[:-1]).nonzero()[0].tolist():
                pairs.add((int(order[position]), int(order[position + 1])))
        return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _jaccard(one: Sequence[int], other: Sequence[int], weights: dict[int, float]) -> float:
    first, second = set(one), set(other)
    union = sum(weights[feature] for feature in first | second)
    return sum(weights[feature] for feature in first & second) / union if union else 1.0


def _bands(features: Sequence[tuple[int, ...]], blocks: Sequence[int]) -> np.ndarray:
    """Band keys, shape ``(N_BANDS, n)``: equal where block and all MinHash values of the band are."""
    import numpy as np  # noqa: PLC0415  # 0.1 s that only a check pays

    random = np.random.default_rng(20_261_120)
    n_hashes = N_BANDS * ROWS_PER_BAND
    factors = random.integers(1, 2**63, n_hashes, dtype=np.uint64) | np.uint64(1)
    chunks = []
    for start in range(0, len(features), _CHUNK):
        part = [each or (0,) for each in features[start : start + _CHUNK]]
        flat = np.fromiter((feature for each in part for feature in each), dtype=np.int64).astype(np.uint64)
        offsets = np.cumsum([0, *(len(each) for each in part[:-1])])
        columns = [np.minimum.reduceat((flat * factor) >> np.uint64(32), offsets) for factor in factors]
        signature = np.stack(columns).reshape(N_BANDS, ROWS_PER_BAND, len(part))
        keys = (
            np.array(blocks[start : start + _CHUNK], dtype=np.int64).astype(np.uint64)[None, :].repeat(N_BANDS, axis=0)
        )
        for row in range(ROWS_PER_BAND):
            keys = (keys ^ signature[:, row, :]) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x7F4A7C15)
        chunks.append(keys)
    return np.concatenate(chunks, axis=1) if chunks else np.empty((N_BANDS, 0), np.uint64)
