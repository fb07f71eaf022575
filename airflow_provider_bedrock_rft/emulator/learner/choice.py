"""A choice: the candidates of one decision, and the features each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from airflow_provider_bedrock_rft.emulator.learner.features import (
    Bag,
    FloatArray,
    IntArray,
    code,
    crossed_indexes,
    indexes_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to decide: ``traits`` count by themselves, ``crossed`` names with every word of the choice's bag."""

    name: str
    traits: Sequence[str]
    crossed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """Candidates with their features: ``index_C_F`` names weights, ``value_C_F`` says how much each counts."""

    head: str
    names: tuple[str, ...]
    index_C_F: IntArray = field(repr=False)  # noqa: N815 - shapes are suffixes: candidates by features
    value_C_F: FloatArray = field(repr=False)  # noqa: N815

    def logits(self, weights: FloatArray) -> FloatArray:
        """The score of each candidate."""
        scores: FloatArray = np.einsum("cf,cf->c", weights[self.index_C_F], self.value_C_F)
        return scores

    def without_features(self) -> Choice:
        """The same candidates for remembering: features are large, and only training looks at them again."""
        return Choice(
            head=self.head, names=self.names, index_C_F=self.index_C_F[:0].copy(), value_C_F=self.value_C_F[:0].copy()
        )


def build_choice(head: str, candidates: Sequence[Candidate], bag: Bag | None = None) -> Choice:
    """The choice between ``candidates``; every candidate must cross as many names as the others."""
    n_traits = max(len(candidate.traits) for candidate in candidates)
    codes = np.zeros((len(candidates), n_traits), np.uint64)
    value = np.zeros((len(candidates), n_traits), np.float32)
    for row, candidate in enumerate(candidates):
        n = len(candidate.traits)
        codes[row, :n] = [code(f"{head} {trait}") for trait in candidate.traits]
        value[row, :n] = 1.0
    index = indexes_of(codes)
    if bag is not None and bag.codes.size and candidates[0].crossed:
        names = np.array([[code(f"{head} x {name}") for name in c.crossed] for c in candidates], np.uint64)
        crossed = crossed_indexes(names, bag.codes).reshape(len(candidates), -1)
        index = np.concatenate([index, crossed], axis=1)
        weight = bag.weight / np.sqrt(names.shape[1])
        value = np.concatenate([value, np.full(crossed.shape, weight, np.float32)], axis=1)
    return Choice(head=head, names=tuple(c.name for c in candidates), index_C_F=index, value_C_F=value)
