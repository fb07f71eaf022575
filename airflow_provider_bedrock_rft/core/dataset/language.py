"""Language drift: what a dataset is written in, against the dataset that was accepted before."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeAlias

from airflow_provider_bedrock_rft.core.codec import payload

MAX_MOVED_SHARE = 0.15
"""Share of the text that may move from one script or language to others."""
PASSAGE_PROMPTS = 10
"""Prompts judged together: single short ones are misjudged, ten are not."""
_MAX_PASSAGES = 100
_MAX_CHARACTERS = 300
_MIN_LETTERS = 200

NameLanguage: TypeAlias = Callable[[str], str]
"""Text → ISO 639 code of its language."""


def load_language_detector() -> NameLanguage:
    """py3langid, whose model is inside the package.

    Raises:
        ImportError: The ``datasets`` extra is not installed.
    """
    classify = import_module("py3langid").classify
    return lambda text: str(classify(text)[0])


@payload("rft.language_profile")
@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProfile:
    """What a dataset's prompts are written in.

    Attributes:
        n_letters: Letters seen; below 200 no drift is ever claimed.
        scripts: Script → share of letters.
        languages: ISO 639 code → share of passages; empty when no detector was at hand.
    """

    n_letters: int
    scripts: Mapping[str, float]
    languages: Mapping[str, float] = field(default_factory=dict)

    def drift_from(self, previous: LanguageProfile) -> str:
        """What changed, in a phrase; empty when nothing did."""
        if min(self.n_letters, previous.n_letters) < _MIN_LETTERS:
            return ""
        if _moved(self.scripts, previous.scripts) > MAX_MOVED_SHARE:
            return f"{_listed(self.scripts)} now, {_listed(previous.scripts)} before"
        has_both = self.languages and previous.languages
        if has_both and _moved(self.languages, previous.languages) > MAX_MOVED_SHARE:
            return f"{_listed(self.languages)} now, {_listed(previous.languages)} before"
        return ""


@dataclass(slots=True, kw_only=True)
class LanguageTally:
    """Counts letters, and names the language of passages, while texts go by; later passages are sampled thinner."""

    name_language: NameLanguage | None = None
    _letters: Counter[str] = field(default_factory=Counter)
    _languages: Counter[str] = field(default_factory=Counter)
    _passage: list[str] = field(default_factory=list)
    _n_passages: int = 0

    def add(self, text: str) -> None:
        """Count the beginning of one text."""
        self._passage.append(text[:_MAX_CHARACTERS])
        if len(self._passage) >= PASSAGE_PROMPTS:
            self._close_passage()

    def _close_passage(self) -> None:
        passage, self._passage = "\n".join(self._passage), []
        self._n_passages += 1
        if self._n_passages > _MAX_PASSAGES and self._n_passages % (self._n_passages // _MAX_PASSAGES + 1):
            return
        self._letters.update(filter(str.isalpha, passage))
        if self.name_language is not None:
            self._languages[self.name_language(passage)] += 1

    def profile(self) -> LanguageProfile:
        """The profile of what was counted."""
        if self._passage:
            self._close_passage()
        scripts: Counter[str] = Counter()
        for letter, count in self._letters.items():
            scripts[unicodedata.name(letter, "UNKNOWN").split()[0].capitalize()] += count
        return LanguageProfile(
            n_letters=sum(scripts.values()), scripts=_shares(scripts), languages=_shares(self._languages)
        )


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: round(count / total, 4) for name, count in counts.most_common(12)}


def _moved(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in {*one, *other}) / 2


def _listed(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{share:.0%} {name}" for name, share in list(shares.items())[:3] if share >= 0.01)
