"""A reference that the grader itself does not accept teaches nothing: run the grader on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from airflow_provider_bedrock_rft.core.dataset.finding import Note
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text
from airflow_provider_bedrock_rft.core.errors import GraderFailure

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record

ScoreCompletion: TypeAlias = Callable[["Record", str], float]
"""The grader's score of one completion of a record; raises :class:`GraderFailure`."""
TOP_SCORE = 1.0


def notes_on_gradability(record: Record, score: ScoreCompletion, top_score: float = TOP_SCORE) -> list[Note]:
    """A note when no usual way of writing the reference earns the top score."""
    if record.reference is None:
        return []
    best = float("-inf")
    try:
        for completion in completions_of(record):
            best = max(best, score(record, completion))
            if best >= top_score:
                return []
    except GraderFailure as error:
        return [Note(code="grader-failed", field="reference_answer", message=error.message)]
    message = f"The grader scores the reference {best:g}, not {top_score:g}."
    return [Note(code="ungradable-reference", field="reference_answer", message=message)]


def completions_of(record: Record) -> Sequence[str]:
    """Completions that say the reference: as it stands, its one value, after ``####``, boxed, as JSON."""
    texts = [reference_text(record.reference)]
    if isinstance(record.reference, dict):
        texts += [str(value) for value in record.reference.values() if isinstance(value, (str, int, float))][:3]
        texts.append(msgspec.json.encode(record.reference).decode())
    forms = [
        form for text in texts for form in (text, f"#### {text}", f"\\boxed{{{text}}}", f"<answer>{text}</answer>")
    ]
    return list(dict.fromkeys(forms))
