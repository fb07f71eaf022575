"""Language drift: scripts and letter trigrams of a dataset against those of the one accepted before."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

from airflow_provider_bedrock_rft.core.codec import payload

MAX_SCRIPT_DISTANCE = 0.15
"""Share of letters that moved from one script to others."""
MIN_TRIGRAM_COSINE = 0.5
"""Datasets of one language stay above it whatever their topic; English against French is near 0.3."""
_N_TRIGRAMS = 300
_N_DENSE, _STRIDE, _MAX_CHARACTERS = 1_000, 20, 200
_MIN_LETTERS = 200


@payload("rft.language_profile")
@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProfile:
    """What a dataset's prompts are written in.

    Attributes:
        n_letters: Letters seen; below 200 no drift is ever claimed.
        scripts: Script → share of letters.
        trigrams: The most frequent three-letter sequences → share.
    """

    n_letters: int
    scripts: Mapping[str, float]
    trigrams: Mapping[str, float]

    def drift_from(self, previous: LanguageProfile) -> str:
        """What changed, in a phrase; empty when nothing did."""
        if min(self.n_letters, previous.n_letters) < _MIN_LETTERS:
            return ""
        names = {*self.scripts, *previous.scripts}
        moved = sum(abs(self.scripts.get(name, 0) - previous.scripts.get(name, 0)) for name in names) / 2
        if moved > MAX_SCRIPT_DISTANCE:
            return f"{_shares(self.scripts)} now, {_shares(previous.scripts)} before"
        cosine = _cosine(self.trigrams, previous.trigrams)
        return f"the letter patterns agree to {cosine:.0%} only" if cosine < MIN_TRIGRAM_COSINE else ""


@dataclass(slots=True)
class LanguageTally:
    """Counts letters while texts go by: all of the first thousand, then every twentieth."""

    _n_texts: int = 0
    _scripts: Counter[str] = field(default_factory=Counter)
    _trigrams: Counter[str] = field(default_factory=Counter)

    def add(self, text: str) -> None:
        """Count the beginning of one text."""
        self._n_texts += 1
        if self._n_texts > _N_DENSE and self._n_texts % _STRIDE:
            return
        for word in text[:_MAX_CHARACTERS].casefold().split():
            letters = "".join(filter(str.isalpha, word))
            self._scripts.update(letters)
            padded = f" {letters} "
            self._trigrams.update(padded[index : index + 3] for index in range(len(letters)))

    def profile(self) -> LanguageProfile:
        """The profile of what was counted."""
        scripts: Counter[str] = Counter()
        for letter, count in self._scripts.items():
            scripts[unicodedata.name(letter, "UNKNOWN").split()[0]] += count
        n_letters = sum(scripts.values())
        common = self._trigrams.most_common(_N_TRIGRAMS)
        n_trigrams = sum(self._trigrams.values())
        return LanguageProfile(
            n_letters=n_letters,
            scripts={name: round(count / n_letters, 4) for name, count in scripts.most_common(12)},
            trigrams={name: round(count / n_trigrams, 6) for name, count in common},
        )


def _shares(scripts: Mapping[str, float]) -> str:
    largest = sorted(scripts.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{share:.0%} {name.capitalize()}" for name, share in largest if share >= 0.01)


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    product = sum(share * other.get(name, 0.0) for name, share in one.items())
    lengths = sqrt(sum(s * s for s in one.values())) * sqrt(sum(s * s for s in other.values()))
    return product / lengths if lengths else 0.0
