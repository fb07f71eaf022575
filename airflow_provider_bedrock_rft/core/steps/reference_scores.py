"""Asking a grader what it gives for the references themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.contract import Score, encode_event, read_reply
from airflow_provider_bedrock_rft.core.grader.trial.cases import sample_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.dataset.gradability import ScoreCompletions
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.grader.trial.process import GraderProcess


def score_with(grader: GraderProcess) -> ScoreCompletions:
    """A scorer for the dataset check that runs ``grader`` on batches; a batch that fails is tried record by record."""

    def score(pairs: Sequence[tuple[Record, str]]) -> list[float | str]:
        scores = _score_batch(grader, pairs)
        if len(pairs) > 1 and all(isinstance(outcome, str) for outcome in scores):
            return [_score_batch(grader, [pair])[0] for pair in pairs]
        return scores

    return score


def _score_batch(grader: GraderProcess, pairs: Sequence[tuple[Record, str]]) -> list[float | str]:
    samples = [sample_of(record, completion, str(number)) for number, (record, completion) in enumerate(pairs)]
    answer = grader.invoke(encode_event(samples))
    if answer.error_type:
        return [f"The grader failed: {answer.error_type}: {answer.error_message}."] * len(pairs)
    reply = read_reply(answer.payload, [sample.sample_id for sample in samples])
    faults = {finding.sample_id: finding.message for finding in reply.findings}
    return [
        _outcome(reply.scores.get(sample.sample_id), faults.get(sample.sample_id) or faults.get("", ""))
        for sample in samples
    ]


def _outcome(score: Score | None, fault: str) -> float | str:
    if score is None:
        return f"The grader's reply cannot be used: {fault}"
    if score.metrics.get("grader_error"):
        kinds = ", ".join(name.partition(".")[2] for name in score.metrics if name.startswith("grader_error."))
        return f"The grader raised {kinds or 'an error'}."
    return score.value
