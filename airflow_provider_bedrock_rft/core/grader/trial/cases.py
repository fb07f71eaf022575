"""The completions that the bench has graded: what each is, and what it is derived from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.record import Record
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.grader.trial.probes import PROBES, Target
from airflow_provider_bedrock_rft.core.grader.trial.writings import (
    TEMPLATES,
    Answer,
    answer_of,
    equivalents_of,
    wrong_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

RIGHT, WRONG, EQUIVALENT, PROBE = "right", "wrong", "equivalent", "probe"
EQUIVALENTS_PER_RECORD = 4
MAX_PROBED_RECORDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One completion of one record.

    Attributes:
        group: ``right``, ``wrong``, ``equivalent`` or ``probe``.
        name: Of the rewriting or the probe; empty for a right answer.
        record_index: Of the record among those tried.
        sample: What the grader is given.
    """

    group: str
    name: str
    record_index: int
    sample: GraderSample


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A record whose right answer is known."""

    index: int
    record: Record
    answer: Answer

    def case(self, group: str, name: str, completion: str) -> Case:
        """A completion of this record, as a case."""
        sample_id = f"{self.index}:{group}:{name}" if name else f"{self.index}:{group}"
        return Case(
            group=group, name=name, record_index=self.index, sample=sample_of(self.record, completion, sample_id)
        )


def sample_of(record: Record, completion: str, sample_id: str) -> GraderSample:
    """What the grader is given for a completion of ``record``."""
    return GraderSample(
        sample_id=sample_id,
        completion=completion,
        reference=record.reference,
        turns=record.messages,
        metadata=record.metadata,
        tools=record.tools,
    )


def subjects_of(records: Sequence[Record], *, answer_key: str = "") -> list[Subject]:
    """The records with an answer that can be written: from the reference, or from the metadata field ``answer_key``."""
    found = []
    for index, record in enumerate(records):
        answer = answer_of(record.metadata.get(answer_key) if answer_key else record.reference)
        if answer is not None:
            found.append(Subject(index=index, record=record, answer=answer))
    return found


def template_cases(subjects: Sequence[Subject]) -> dict[str, list[Case]]:
    """For every template, the right answers written by it."""
    return {
        template: [subject.case(RIGHT, f"template {number}", subject.answer.written(template)) for subject in subjects]
        for number, template in enumerate(TEMPLATES)
    }


def cases_of(
    subjects: Sequence[Subject], template: str, *, keywords: Sequence[str] = (), skipped: AbstractSet[str] = frozenset()
) -> Iterator[Case]:
    """Every case of every subject: right, wrong, other writings in turn, and the probes on the first of them."""
    candidates = list(dict.fromkeys(subject.answer.text for subject in subjects))
    for position, subject in enumerate(subjects):
        say = subject.answer.written
        yield subject.case(RIGHT, "", say(template))
        wrongs = wrong_of(subject.answer, candidates[position + 1 :] + candidates[:position])
        yield from (subject.case(WRONG, f"wrong {n}", say(template, text)) for n, text in enumerate(wrongs))
        yield from _equivalent_cases(subject, template, position)
        if position < MAX_PROBED_RECORDS and wrongs:
            target = Target(
                prompt=subject.record.messages[-1].content if subject.record.messages else "",
                answer=subject.answer,
                wrong=wrongs[-1],
                template=template,
                candidates=candidates,
                keywords=keywords,
            )
            for name, make in PROBES.items():
                completion = make(target) if name not in skipped else None
                if completion is not None:
                    yield subject.case(PROBE, name, completion)


def _equivalent_cases(subject: Subject, template: str, position: int) -> Iterator[Case]:
    """A few other writings, beginning at another one for every record, so that all of them are tried."""
    say = subject.answer.written
    texts: Mapping[str, str] = equivalents_of(subject.answer)
    written = {name: say(template, text) for name, text in texts.items()}
    written["reasoning first"] = subject.answer.reasoned(template)
    names = list(written)
    start = position * EQUIVALENTS_PER_RECORD
    chosen = dict.fromkeys(names[(start + offset) % len(names)] for offset in range(EQUIVALENTS_PER_RECORD))
    yield from (subject.case(EQUIVALENT, name, written[name]) for name in chosen)
