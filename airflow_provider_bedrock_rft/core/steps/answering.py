"""The answers of one model: those in the store, and the missing ones asked for and stored as they come."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import BudgetExceeded
from airflow_provider_bedrock_rft.core.evaluation.answer import Answer, AnswerKey, completion_seed, prompt_fingerprint
from airflow_provider_bedrock_rft.core.evaluation.asking import Asker
from airflow_provider_bedrock_rft.core.evaluation.batch import MAX_RECORDS, MIN_RECORDS, may_ask_in_batch
from airflow_provider_bedrock_rft.core.evaluation.concurrency import AdaptiveLimit
from airflow_provider_bedrock_rft.core.evaluation.journal import Journal
from airflow_provider_bedrock_rft.core.evaluation.run import cost_of
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message
from airflow_provider_bedrock_rft.core.steps.batching import BatchDesk
from airflow_provider_bedrock_rft.core.steps.purse import Purse, worst_cost
from airflow_provider_bedrock_rft.core.steps.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
    from airflow_provider_bedrock_rft.core.ports import Completion, ModelRuntime, ObjectStore
    from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess, PlacedOrder


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
        batch: BatchAccess | None = None,
    ) -> None:
        self._runtime = runtime
        self._model = model
        self._settings = settings
        self._clock = clock
        self._on_progress = on_progress
        root, name = uri.rstrip("/"), settings.asking_fingerprint(model)
        self._shelf = Shelf(objects, f"{root}/answers/{name}")
        self._answers = {answer.key: answer for answer in self._shelf.read(Answer)}
        self._limit = AdaptiveLimit(maximum=settings.max_concurrency)
        self._lock = threading.Lock()
        self._purse: Purse | None = None
        self._desk: BatchDesk | None = None
        if batch is not None and settings.batch_role_arn and may_ask_in_batch(model):
            self._desk = BatchDesk(objects, access=batch, uri=f"{root}/batches/{name}", clock=clock)
        self.n_requests = 0

    def hold_to_budget(self, records: Sequence[Record]) -> None:
        """Stop before the first request when the missing answers could be more than the settings allow.

        From here on no request is begun that could cost more than is left of the evaluation's money.

        Raises:
            BudgetExceeded: With what is needed and what is allowed.
        """
        settings = self._settings
        n_missing = len(self._missing(records))
        for what, needed, allowed in (
            ("requests", n_missing, settings.max_requests),
            ("completion tokens", n_missing * settings.max_tokens, settings.max_completion_tokens),
        ):
            if allowed is not None and needed > allowed:
                raise BudgetExceeded(
                    f"The evaluation of {self._model} may need {needed:,} {what}; the budget is {allowed:,}.",
                    action="Raise the budget, or evaluate fewer samples or completions.",
                    needed=needed,
                    allowed=allowed,
                )
        if settings.price is not None and settings.max_cost is not None:
            stored = [self._answers[key] for record in records for key in self._keys(record) if key in self._answers]
            self._purse = Purse(settings.price, settings.max_cost, spent=cost_of(stored, settings.price))

    def answers(self, records: Sequence[Record]) -> list[tuple[Record, Answer]]:
        """All answers to ``records``, in order; the missing ones are asked for first.

        Raises:
            BudgetExceeded: The next request could cost more than is left. The answers until then are stored.
            JobFailure: A batch job ended without an answer.
            ServiceError: What a repetition did not mend. The answers until then are stored.
        """
        if self._desk is not None:
            self._ask_in_batch(self._desk, records)
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
        if self._purse is None:
            completion = self._runtime.complete(question.request)
        else:
            completion = self._purse.pay_for(question.request, self._runtime.complete)
        self._keep(question.key, completion, journal)

    def _keep(self, key: AnswerKey, completion: Completion, journal: Journal) -> None:
        answer = Answer(
            sample_id=key.sample_id,
            index=key.index,
            prompt=key.prompt,
            completion=completion.text,
            finish_reason=completion.finish_reason,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            latency_ms=completion.latency_ms,
            seed=completion_seed(self._settings.seed, key.sample_id, key.index),
        )
        journal.append(answer.to_line())
        with self._lock:
            self._answers[key] = answer
            n_answered = len(self._answers)
        self._on_progress(n_answered)

    def _ask_in_batch(self, desk: BatchDesk, records: Sequence[Record]) -> None:
        """Collect what was ordered before; order what is missing, where it is much. The rest is asked one by one."""
        for placed in desk.open_orders():
            self._collect(desk, placed)
        missing = self._missing(records)
        if len(missing) < max(self._settings.batch_from, MIN_RECORDS):
            return
        for start in range(0, len(missing), MAX_RECORDS):
            self._order(desk, missing[start : start + MAX_RECORDS])

    def _order(self, desk: BatchDesk, questions: Sequence[_Question]) -> None:
        price, worst = self._settings.price, 0.0
        if self._purse is not None and price is not None:
            worst = math.fsum(worst_cost(question.request, price, in_batch=True) for question in questions)
            self._purse.hold(worst)
        try:
            asks = [(question.key, question.request) for question in questions]
            placed = desk.place(asks, role_arn=self._settings.batch_role_arn)
            self.n_requests += len(asks)
            self._collect(desk, placed)
        finally:
            if self._purse is not None:
                self._purse.settle(worst, 0.0)

    def _collect(self, desk: BatchDesk, placed: PlacedOrder) -> None:
        found = desk.collect(placed)
        with Journal(self._shelf.put) as journal:
            for key, completion in found.items():
                self._keep(key, completion, journal)
        desk.close(placed)
        if self._purse is not None and self._settings.price is not None:
            self._purse.charge(cost_of((self._answers[key] for key in found), self._settings.price))
