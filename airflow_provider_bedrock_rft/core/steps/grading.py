"""The grader's word on every answer: those in the store, and the missing ones asked for in batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.evaluation.answer import Answer, Grade, entry_fingerprint
from airflow_provider_bedrock_rft.core.evaluation.asking import Asker
from airflow_provider_bedrock_rft.core.evaluation.concurrency import AdaptiveLimit
from airflow_provider_bedrock_rft.core.evaluation.journal import Journal
from airflow_provider_bedrock_rft.core.evaluation.run import ScoredCompletion
from airflow_provider_bedrock_rft.core.grader.contract import batches_of, encode_event, parse_reply
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.grader.trial.cases import sample_of
from airflow_provider_bedrock_rft.core.steps.shelf import Shelf

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
    from airflow_provider_bedrock_rft.core.ports import Invocation, ObjectStore

_MAX_EVENT_BYTES = 5_000_000
"""Below Lambda's 6 MB, with room for the reply's metrics."""


class GraderFunctions(Protocol):
    """As much of a :class:`~airflow_provider_bedrock_rft.core.ports.FunctionService` as grading needs."""

    def invoke(self, arn: str, payload: bytes) -> Invocation:
        """Call the grader and wait for its reply."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    entries: Sequence[GraderSample]


class GradeBook:
    """What one version of a grader gave for completions, and how to get the rest. An entry's id is its content."""

    def __init__(
        self,
        functions: GraderFunctions,
        objects: ObjectStore,
        *,
        grader_arn: str,
        uri: str,
        settings: EvaluationSettings,
        clock: Clock,
    ) -> None:
        self._functions = functions
        self._grader_arn = grader_arn
        self._settings = settings
        self._clock = clock
        name = "-".join(grader_arn.split(":")[-2:])
        self._shelf = Shelf(objects, f"{uri.rstrip('/')}/grades/{name}")
        self._grades = {grade.entry: grade for grade in self._shelf.read(Grade) if grade.score is not None}
        self._lock = threading.Lock()

    def completions(self, answers: Sequence[tuple[Record, Answer]]) -> list[ScoredCompletion]:
        """Every answer with its score, in order.

        Raises:
            GraderFailure: More answers than the settings allow have no score.
        """
        entries = {entry_fingerprint(record, answer.completion): (record, answer) for record, answer in answers}
        missing = [
            sample_of(record, answer.completion, name)
            for name, (record, answer) in entries.items()
            if name not in self._grades
        ]
        if missing:
            self._grade(missing)
        scored = [self._scored(record, answer) for record, answer in answers]
        self._refuse_too_many_errors(scored)
        return scored

    def _grade(self, missing: Sequence[GraderSample]) -> None:
        tasks = batches_of(missing, max_samples=self._settings.grader_batch_size, max_bytes=_MAX_EVENT_BYTES)
        with Journal(self._shelf.put) as journal:
            Asker[_Task](
                lambda task: self._grade_batch(task.entries, journal),
                limit=AdaptiveLimit(maximum=self._settings.grader_concurrency),
                clock=self._clock,
                seed=self._settings.seed,
            ).run(_Task(entries=batch) for batch in tasks)

    def _grade_batch(self, batch: Sequence[GraderSample], journal: Journal) -> None:
        """Grade a batch; where it fails, halve it, so that one bad completion does not cost the others their score."""
        try:
            grades = self._invoke(batch)
        except GraderFailure as failure:
            if len(batch) > 1:
                self._grade_batch(batch[: len(batch) // 2], journal)
                self._grade_batch(batch[len(batch) // 2 :], journal)
                return
            grades = [Grade(entry=batch[0].sample_id, score=None, error=failure.message)]
        for grade in grades:
            journal.append(grade.to_line())
        with self._lock:
            self._grades.update((grade.entry, grade) for grade in grades)

    def _invoke(self, batch: Sequence[GraderSample]) -> list[Grade]:
        invocation = self._functions.invoke(self._grader_arn, encode_event(batch))
        if invocation.function_error:
            said = invocation.payload[:500].decode("utf-8", "replace")
            raise GraderFailure(
                f"The grader {self._grader_arn} raised: {said}",
                action="Run `bedrock-rft grader test` on the grader.",
                log_tail=invocation.log_tail,
            )
        scores = parse_reply(invocation.payload, [entry.sample_id for entry in batch])
        return [
            Grade(entry=name, score=score.value, metrics={**score.metrics, **score.components})
            for name, score in scores.items()
        ]

    def _scored(self, record: Record, answer: Answer) -> ScoredCompletion:
        grade = self._grades[entry_fingerprint(record, answer.completion)]
        slices = {key: str(record.metadata[key]) for key in self._settings.slice_keys if key in record.metadata}
        return ScoredCompletion(
            sample_id=answer.sample_id,
            index=answer.index,
            score=grade.score,
            group=str(record.metadata.get(self._settings.group_key, "")) if self._settings.group_key else "",
            slice=slices,
            prompt=answer.prompt,
            grader=self._grader_arn,
            completion=answer.completion,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            latency_ms=answer.latency_ms,
            seed=answer.seed,
            metrics=grade.metrics,
            error=grade.error,
        )

    def _refuse_too_many_errors(self, scored: Sequence[ScoredCompletion]) -> None:
        failed = [one for one in scored if one.score is None]
        if len(failed) > self._settings.max_grader_error_share * len(scored):
            raise GraderFailure(
                f"The grader failed on {len(failed)} of {len(scored)} completions; on sample {failed[0].sample_id!r}: "
                f"{failed[0].error}",
                action="Mend the grader and run again; the completions are stored and not asked for again.",
                n_failed=len(failed),
                sample_ids=[one.sample_id for one in failed[:20]],
            )
