"""The answers of one model: those in the store, and the missing ones asked for and stored as they come."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import BudgetExceeded
from airflow_provider_bedrock_rft.core.evaluation.answer import Answer, AnswerKey, completion_seed, prompt_fingerprint
from airflow_provider_bedrock_rft.core.evaluation.asking import Asker
from airflow_provider_bedrock_rft.core.evaluation.concurrency import AdaptiveLimit
from airflow_provider_bedrock_rft.core.evaluation.journal import Journal
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message
from airflow_provider_bedrock_rft.core.steps.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
    from airflow_provider_bedrock_rft.core.ports import ModelRuntime, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    key: AnswerKey
    request: CompletionRequest


class AnswerBook:
    """What one model answered under one set of settings, and how to get the rest."""

    def __init__(
        self,
        runtime: ModelRuntime,
        objects: ObjectStore,
        *,
        model: str,
        uri: str,
        settings: EvaluationSettings,
        clock: Clock,
        on_progress: Callable[[int], None] = lambda _done: None,
    ) -> None:
        self._runtime = runtime
        self._model = model
        self._settings = settings
        self._clock = clock
        self._on_progress = on_progress
        self._shelf = Shelf(objects, f"{uri.rstrip('/')}/answers/{settings.asking_fingerprint(model)}")
        self._answers = {answer.key: answer for answer in self._shelf.read(Answer)}
        self._limit = AdaptiveLimit(maximum=settings.max_concurrency)
        self._lock = threading.Lock()
        self.n_requests = 0

    def refuse_over_budget(self, records: Sequence[Record]) -> None:
        """Stop before the first request when the missing answers could cost more than the settings allow.

        Raises:
            BudgetExceeded: With what is needed and what is allowed.
        """
        n_missing = len(self._missing(records))
        for what, needed, allowed in (
            ("requests", n_missing, self._settings.max_requests),
            ("completion tokens", n_missing * self._settings.max_tokens, self._settings.max_completion_tokens),
        ):
            if allowed is not None and needed > allowed:
                raise BudgetExceeded(
                    f"The evaluation of {self._model} may need {needed:,} {what}; the budget is {allowed:,}.",
                    action="Raise the budget, or evaluate fewer samples or completions.",
                    needed=needed,
                    allowed=allowed,
                )

    def answers(self, records: Sequence[Record]) -> list[tuple[Record, Answer]]:
        """All answers to ``records``, in order; the missing ones are asked for first.

        Raises:
            ServiceError: What a repetition did not mend. The answers until then are stored.
        """
        missing = self._missing(records)
        if missing:
            with Journal(self._shelf.put) as journal:
                Asker[_Question](
                    lambda question: self._ask(question, journal),
                    limit=self._limit,
                    clock=self._clock,
                    seed=self._settings.seed,
                ).run(missing)
        return [(record, self._answers[key]) for record in records for key in self._keys(record)]

    def _missing(self, records: Sequence[Record]) -> list[_Question]:
        return [
            _Question(key=key, request=self._request(record, key))
            for record in records
            for key in self._keys(record)
            if key not in self._answers
        ]

    def _keys(self, record: Record) -> list[AnswerKey]:
        prompt = prompt_fingerprint(record)
        return [AnswerKey(record.record_id, index, prompt) for index in range(self._settings.completions_per_sample)]

    def _request(self, record: Record, key: AnswerKey) -> CompletionRequest:
        return CompletionRequest(
            model=self._model,
            messages=[Message(role=turn.role, content=turn.content) for turn in record.messages],
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.sampling_temperature,
            seed=completion_seed(self._settings.seed, key.sample_id, key.index),
            api=self._settings.api,
        )

    def _ask(self, question: _Question, journal: Journal) -> None:
        with self._lock:
            self.n_requests += 1
        completion = self._runtime.complete(question.request)
        answer = Answer(
            sample_id=question.key.sample_id,
            index=question.key.index,
            prompt=question.key.prompt,
            completion=completion.text,
            finish_reason=completion.finish_reason,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            latency_ms=completion.latency_ms,
            seed=question.request.seed or 0,
        )
        journal.append(answer.to_line())
        with self._lock:
            self._answers[answer.key] = answer
            n_answered = len(self._answers)
        self._on_progress(n_answered)
