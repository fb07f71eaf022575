"""A reference that the grader itself does not accept teaches nothing: run the grader on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from airflow_provider_bedrock_rft.core.dataset.finding import Note
from airflow_provider_bedrock_rft.core.dataset.reference import reference_text

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.dataset.record import Record

ScoreCompletions: TypeAlias = Callable[["Sequence[tuple[Record, str]]"], "Sequence[float | str]"]
"""The grader's score of each completion of a record, or in its place a sentence that says how grading failed."""
TOP_SCORE = 1.0
BATCH_SIZE = 256


def notes_on_gradability(
    records: Sequence[Record], score: ScoreCompletions, top_score: float = TOP_SCORE
) -> Iterator[tuple[int, Note]]:
    """A note, with the record's index, for each reference that no usual way of writing it brings to the top score."""
    forms = [completions_of(record) if record.reference is not None else [] for record in records]
    open_indices = [index for index, texts in enumerate(forms) if texts]
    outcomes: dict[int, list[float | str]] = {index: [] for index in open_indices}
    for attempt in range(max(map(len, forms), default=0)):
        open_indices = [index for index in open_indices if attempt < len(forms[index])]
        verdicts = score([(records[index], forms[index][attempt]) for index in open_indices]) if open_indices else []
        for index, verdict in zip(open_indices, verdicts, strict=True):
            outcomes[index].append(verdict)
        open_indices = [index for index in open_indices if not _is_top(outcomes[index][-1], top_score)]
    for index, verdicts in outcomes.items():
        if not _is_top(verdicts[-1], top_score):
            yield index, _note_on(verdicts, top_score)


def _is_top(verdict: float | str, top_score: float) -> bool:
    return not isinstance(verdict, str) and verdict >= top_score


def _note_on(verdicts: Sequence[float | str], top_score: float) -> Note:
    scores = [verdict for verdict in verdicts if not isinstance(verdict, str)]
    if not scores:
        return Note(code="grader-failed", field="reference_answer", message=str(verdicts[0]))
    message = f"The grader scores the reference {max(scores):g}, not {top_score:g}."
    return Note(code="ungradable-reference", field="reference_answer", message=message)


def completions_of(record: Record) -> list[str]:
    """Completions that say the reference: as it stands, its one value, after ``####``, boxed, tagged, as JSON."""
    texts = [reference_text(record.reference)]
    if isinstance(record.reference, dict):
        texts += [str(value) for value in record.reference.values() if isinstance(value, (str, int, float))][:3]
        texts.append(msgspec.json.encode(record.reference).decode())
    forms = [
        form for text in texts for form in (text, f"#### {text}", f"\\boxed{{{text}}}", f"<answer>{text}</answer>")
    ]
    return list(dict.fromkeys(forms))
