"""What a run asks people, as far as the reader is concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.plugin.facts import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """A question, and its answer where there is one.

    Attributes:
        task_id: The task that asks.
        map_index: -1 where it is not mapped.
        subject: The question; a stranger's text.
        options: What can be answered from this page: none where the answer is a form, or the reader may not give it.
        is_open: True while the task waits.
        has_form: It can be answered on Airflow's own page only.
        asked_at: Epoch seconds.
        chosen: The answer.
        answered_by: Name; empty for an answer by default.
        answered_at: Epoch seconds.
    """

    task_id: str
    map_index: int
    subject: str
    options: Sequence[str]
    is_open: bool
    has_form: bool
    asked_at: float
    chosen: Sequence[str]
    answered_by: str
    answered_at: float | None


def question_views(asked: Sequence[Question], may_answer: Callable[[frozenset[str]], bool]) -> list[QuestionView]:
    """The questions that wait or were answered; one whose task was ended otherwise is no question any more."""
    return [
        QuestionView(
            task_id=one.task_id,
            map_index=one.map_index,
            subject=one.subject,
            options=one.options if one.is_open and not one.has_form and may_answer(one.assigned) else (),
            is_open=one.is_open,
            has_form=one.has_form,
            asked_at=one.asked_at,
            chosen=one.chosen,
            answered_by=one.answered_by,
            answered_at=one.answered_at,
        )
        for one in asked
        if one.is_open or one.answered_at is not None
    ]
