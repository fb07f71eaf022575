"""One evaluation's samples: what was asked, what the model answered, and what the grader said to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.evaluation.readiness import histogram_of
from airflow_provider_bedrock_rft.plugin.facts import Note
from airflow_provider_bedrock_rft.plugin.views.comparison import (
    AnswerView,
    answer_view,
    by_sample,
    mean_score,
    shortened,
)

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.run import ScoredCompletion

ORDERS = ("worst", "best", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAnswers:
    """One sample under one model; all its texts are strangers' texts."""

    sample_id: str
    score: float | None
    prompt: str
    reference: str
    slices: Mapping[str, str]
    answers: Sequence[AnswerView]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersPage:
    """A page of samples, and what holds for all of them.

    Attributes:
        items: The samples.
        total: Samples that the search has found.
        offset: Of the first item.
        limit: Items of a page.
        metrics: The grader's named numbers → their mean.
        histogram: Upper edge and count of equal bins of the scores.
        notes: What could not be read.
    """

    items: Sequence[SampleAnswers]
    total: int
    offset: int
    limit: int
    metrics: Mapping[str, float]
    histogram: Sequence[tuple[float, int]]
    notes: Sequence[Note] = ()


class Answers:
    """An evaluation's samples, ready to be paged through."""

    def __init__(
        self, completions: Sequence[ScoredCompletion], records: Mapping[str, Record], notes: Sequence[Note] = ()
    ) -> None:
        self._parts = by_sample(completions)
        self._scores = {name: mean_score(parts) for name, parts in self._parts.items()}
        self._records = records
        self._notes = notes
        self._metrics = _means(completions)
        scores = [one.score for one in completions if one.score is not None]
        self._histogram = histogram_of(scores) if scores else ()

    def page(self, order: str, search: str, *, offset: int, limit: int) -> AnswersPage:
        """A page of the samples whose texts hold ``search``; in any order but the file's, ungraded ones come last."""
        wanted = [name for name in self._parts if self._holds(name, search.lower())]
        if order != "file":
            sign = 1.0 if order == "worst" else -1.0
            wanted.sort(key=lambda name: (self._scores[name] is None, sign * (self._scores[name] or 0.0)))
        return AnswersPage(
            items=[self._view(name) for name in wanted[offset : offset + limit]],
            total=len(wanted),
            offset=offset,
            limit=limit,
            metrics=self._metrics,
            histogram=self._histogram,
            notes=self._notes,
        )

    def _holds(self, name: str, search: str) -> bool:
        record = self._records.get(name)
        texts = [name, record.prompt if record else "", *(one.completion for one in self._parts[name])]
        return any(search in text.lower() for text in texts)

    def _view(self, name: str) -> SampleAnswers:
        record, parts = self._records.get(name), self._parts[name]
        return SampleAnswers(
            sample_id=name,
            score=self._scores[name],
            prompt=shortened(record.prompt) if record else "",
            reference=shortened(str(record.reference)) if record and record.reference is not None else "",
            slices=parts[0].slice,
            answers=[answer_view(one) for one in parts],
        )


def _means(completions: Sequence[ScoredCompletion]) -> Mapping[str, float]:
    found: dict[str, list[float]] = {}
    for one in completions:
        for name, value in one.metrics.items():
            found.setdefault(name, []).append(value)
    return {name: fmean(values) for name, values in sorted(found.items())}
