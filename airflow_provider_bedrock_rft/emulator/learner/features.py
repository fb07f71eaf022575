"""Features are hashed: a name becomes an index into the weight vector, and names can be crossed with bags of words."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIMENSION = 1 << 17
"""The number of weights."""

IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]
FloatArray = npt.NDArray[np.float32]

_MASK = np.uint64(0xFFFFFFFF)
_TOKEN = re.compile(r"[^\W\d_]+|\d[\d,.]*%?")
_UNMARKED_WORDS = (
    "a an the how what who which when where why if each every there he she it they his her their in on at after "
    "before then for of and but to with from one all both last next yesterday today tomorrow is are was were do "
    "does did find some another this that these those so no not during because while out by as"
)
_UNMARKED = frozenset(_UNMARKED_WORDS.split())


@lru_cache(maxsize=65_536)
def code(name: str) -> int:
    """The 32-bit code of a feature's name."""
    return crc32(name.encode("utf-8", "surrogatepass"))


def _fold(mixed: WordArray) -> IntArray:
    mixed ^= mixed >> np.uint64(15)
    mixed = mixed * np.uint64(0x2C1B3C6D) & _MASK
    mixed ^= mixed >> np.uint64(12)
    indexes: IntArray = (mixed & np.uint64(DIMENSION - 1)).astype(np.int32)
    return indexes


def indexes_of(codes: WordArray) -> IntArray:
    """The weights that plain names use."""
    return _fold(codes * np.uint64(0x9E3779B1) & _MASK)


def crossed_indexes(codes: WordArray, words: WordArray) -> IntArray:
    """The weights that each name uses for each word: shape ``codes.shape + words.shape``."""
    mixed = codes[..., None] * np.uint64(0x9E3779B1) ^ words * np.uint64(0x85EBCA77)
    return _fold(mixed & _MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A set of words as codes; all weigh alike, and together they have length 1."""

    codes: WordArray

    @property
    def weight(self) -> float:
        """The value of each word's feature."""
        return 1.0 / float(np.sqrt(max(1, self.codes.size)))


def bag_of(words: Iterable[str], limit: int) -> Bag:
    """The first ``limit`` different words."""
    distinct = list(dict.fromkeys(words))[:limit]
    return Bag(codes=np.fromiter((code(word) for word in distinct), np.uint64, len(distinct)))


def normalised_tokens(text: str) -> list[str]:
    """Lower-case words, with figures as ``#`` and names as ``@``: what prompts of one kind have in common."""
    return [_normalised(token) for token in _TOKEN.findall(text)]


def _normalised(token: str) -> str:
    if token[0].isdigit():
        return "#"
    low = token.lower()
    return "@" if token[0].isupper() and low not in _UNMARKED else low


def incidental_tokens(text: str) -> list[str]:
    """What the normalised tokens leave out: figures and names."""
    return [token for token in _TOKEN.findall(text) if _normalised(token) in {"#", "@"}]


def phrases(tokens: Sequence[str]) -> list[str]:
    """Single words, pairs and triples of neighbours."""
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(tokens)]
    triples = [f"{a} {b} {c}" for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False)]
    return [*tokens, *pairs, *triples]
