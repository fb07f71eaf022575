"""The second pass: rules that need a record's meaning rather than its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.finding import Finding, FindingLog, Note, Place, finding_at
from airflow_provider_bedrock_rft.core.dataset.gradability import (
    BATCH_SIZE,
    TOP_SCORE,
    ScoreCompletions,
    notes_on_gradability,
)
from airflow_provider_bedrock_rft.core.dataset.jsonl import sound_records
from airflow_provider_bedrock_rft.core.dataset.language import LanguageProfile, LanguageTally, load_language_detector
from airflow_provider_bedrock_rft.core.dataset.near import NearIndex
from airflow_provider_bedrock_rft.core.dataset.privacy import Detector, load_detectors, notes_on_privacy
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements
from airflow_provider_bedrock_rft.core.dataset.record import Record
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text
from airflow_provider_bedrock_rft.core.dataset.source import TRAIN, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_NEAR_RECORDS = 100_000
"""Beyond it near duplicates are not looked for, and the report says so: no service takes more than a fifth, and memory
would grow. All other rules hold for any number of records.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepOptions:
    """What the second pass looks for.

    Attributes:
        near: Near duplicates and near leakage.
        privacy: Secrets and personal data.
        score: The grader, to be run on every reference.
        top_score: What it must score them at.
        profiles_language: Say in the report what the prompts are written in.
        previous_language: Profile of the dataset accepted before, to compare with.
    """

    near: bool = True
    privacy: bool = True
    score: ScoreCompletions | None = None
    top_score: float = TOP_SCORE
    profiles_language: bool = False
    previous_language: LanguageProfile | None = None

    @property
    def needs_language(self) -> bool:
        """True when the language is wanted in the report, or for the comparison."""
        return self.profiles_language or self.previous_language is not None


@dataclass(slots=True, kw_only=True)
class DeepPass:
    """Goes over sources a second time; language is that of the training records."""

    options: DeepOptions
    needs: Requirements
    log: FindingLog
    max_near_records: int = MAX_NEAR_RECORDS
    language: LanguageTally = field(default_factory=LanguageTally)
    _near: NearIndex = field(default_factory=NearIndex)
    _places: list[tuple[Place, str]] = field(default_factory=list)
    _ungraded: list[tuple[Place, Record]] = field(default_factory=list)
    _detectors: tuple[Detector, ...] = ()
    _n_compared: int = 0

    def run(self, sources: Sequence[Source]) -> None:
        """Read every source and log what is found."""
        self._load_detectors(sources)
        for source in sources:
            with source.open() as stream:
                for line, record in sound_records(stream, self.needs):
                    self._take(record, Place(file=source.name, line=line), source.split)
        self._grade()
        self._say_what_was_not_compared(sources)
        self.log.extend(self._findings_on_pairs())
        self._check_language(sources)

    def _load_detectors(self, sources: Sequence[Source]) -> None:
        place = Place(file=sources[0].name)
        try:
            self._detectors = load_detectors() if self.options.privacy else ()
        except ImportError as error:
            message = f"Secrets and personal data were not looked for: {error.name} is not installed (extra: datasets)."
            self.log.add(finding_at(place, "check-skipped", message))
        try:
            self.language.name_language = load_language_detector() if self.options.needs_language else None
        except ImportError as error:
            message = f"Only scripts were compared, not languages: {error.name} is not installed (extra: datasets)."
            self.log.add(finding_at(place, "check-skipped", message))

    def _take(self, record: Record, place: Place, split: str) -> None:
        for note in self._notes_on(record):
            self.log.add(finding_at(place, note.code, note.message, field=note.field, severity=note.severity))
        if self.options.score is not None:
            self._ungraded.append((place, record))
            if len(self._ungraded) >= BATCH_SIZE:
                self._grade()
        if split == TRAIN and self.options.needs_language:
            self.language.add(record.prompt)
        if self.options.near:
            self._n_compared += 1
            if self._n_compared <= self.max_near_records:
                self._near.add(record)
                self._places.append((place, split))
            elif self._places:
                self._places.clear()
                self._near = NearIndex()

    def _say_what_was_not_compared(self, sources: Sequence[Source]) -> None:
        if self._n_compared > self.max_near_records:
            message = (
                f"Near duplicates and near leakage: {self._n_compared:,} records are over {self.max_near_records:,}. "
                "Equal ones were looked for."
            )
            self.log.add(finding_at(Place(file=sources[0].name), "check-skipped", message))

    def _notes_on(self, record: Record) -> Iterator[Note]:
        if self._detectors:
            for index, message in enumerate(record.messages):
                yield from notes_on_privacy(message.content, f"messages[{index}].content", self._detectors)
            yield from notes_on_privacy(reference_text(record.reference), "reference_answer", self._detectors)
            for key, value in record.metadata.items():
                if isinstance(value, str):
                    yield from notes_on_privacy(value, key, self._detectors)

    def _grade(self) -> None:
        """Run the grader on the references read since the last time."""
        batch, self._ungraded = self._ungraded, []
        if self.options.score is None or not batch:
            return
        records = [record for _, record in batch]
        for index, note in notes_on_gradability(records, self.options.score, self.options.top_score):
            self.log.add(finding_at(batch[index][0], note.code, note.message, field=note.field))

    def _findings_on_pairs(self) -> Iterator[Finding]:
        for near in self._near.pairs():
            (first, first_split), (second, second_split) = self._places[near.first], self._places[near.second]
            if not near.has_same_answer:
                message = "The prompt stands before but for case, space or number format, with another reference."
                yield finding_at(second, "conflicting-reference", message, field="reference_answer", other=first)
                continue
            what = "the same words" if near.similarity >= 0.999 else f"{near.similarity:.0%} of its words"
            if first_split == second_split:
                message = f"A prompt before shares {what}, and the answer."
                yield finding_at(second, "near-duplicate", message, field="messages", other=first)
            else:
                message = f"A prompt of the {first_split} data shares {what}, and the answer."
                yield finding_at(second, "near-leakage", message, field="messages", other=first)

    def _check_language(self, sources: Sequence[Source]) -> None:
        previous = self.options.previous_language
        if previous is not None and (drift := self.language.profile().drift_from(previous)):
            place = Place(file=next((each.name for each in sources if each.split == TRAIN), sources[0].name))
            self.log.add(finding_at(place, "language-drift", f"The prompts' language has changed: {drift}."))
