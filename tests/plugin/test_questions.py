"""What a run asks people: who sees it, and who gets buttons. The answer itself goes to Airflow's own API."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    Browser = Callable[..., TestClient]

pytestmark = pytest.mark.airflow

ROUTE = "/api/dags/tutor/questions?run_id=first"
SUBJECT = "Promote <script>tuned</script>?"


@pytest.fixture
def ask(rows: Any) -> Callable[..., None]:
    """A run whose approval has been asked for."""
    rows.dag("tutor", {"gate": "BedrockRftPromotionGateOperator"})
    number = rows.run("tutor", "first", state="running")

    def ask(task_id: str = "approve", state: str = "awaiting_input", **fields: Any) -> None:
        asked = {"subject": SUBJECT, "options": ["Approve", "Reject"], **fields}
        rows.task("tutor", "first", task_id, "ApprovalOperator", number=number, state=state, asked=asked)

    return ask


@pytest.mark.parametrize("state", ["awaiting_input", "deferred"])
def test_who_may_answer_gets_the_options(client: Browser, ask: Callable[..., None], state: str) -> None:
    ask(state=state)
    (question,) = client("boss", role="user").get(ROUTE).json()
    assert (question["subject"], question["is_open"]) == (SUBJECT, True)
    assert question["options"] == ["Approve", "Reject"]


def test_a_viewer_sees_the_question_without_options(client: Browser, ask: Callable[..., None]) -> None:
    ask()
    (question,) = client("viewer").get(ROUTE).json()
    assert (question["is_open"], question["options"]) == (True, [])


def test_a_question_to_others_has_no_options_and_does_not_tell_who_they_are(
    client: Browser, ask: Callable[..., None]
) -> None:
    ask(assignees=[{"id": "boss", "name": "The boss"}])
    assert client("boss", role="user").get(ROUTE).json()[0]["options"] == ["Approve", "Reject"]
    reply = client("colleague", role="user").get(ROUTE)
    assert reply.json()[0]["options"] == []
    assert "boss" not in reply.text


def test_without_the_right_to_read_questions_there_are_none(client: Browser, ask: Callable[..., None]) -> None:
    ask()
    assert client("without_questions", role="user").get(ROUTE).status_code == 403
    assert client().get(ROUTE).status_code == 401
    assert client("only_tutor").get(ROUTE.replace("tutor", "secret")).status_code == 403


@pytest.mark.parametrize("fields", [{"params": {"why": "text"}}, {"multiple": True}])
def test_a_form_is_left_to_airflows_own_page(client: Browser, ask: Callable[..., None], fields: dict[str, Any]) -> None:
    ask(**fields)
    (question,) = client("boss", role="user").get(ROUTE).json()
    assert (question["has_form"], question["options"]) == (True, [])


def test_an_answer_is_told_with_who_gave_it(client: Browser, ask: Callable[..., None]) -> None:
    said = {"responded_by": {"id": "1", "name": "The boss"}, "responded_at": datetime(2026, 1, 1, tzinfo=timezone.utc)}
    ask(state="success", chosen_options=["Approve"], **said)
    (question,) = client("boss", role="user").get(ROUTE).json()
    assert (question["is_open"], question["options"], question["chosen"]) == (False, [], ["Approve"])
    assert question["answered_by"] == "The boss"


def test_a_task_that_was_skipped_unanswered_asks_nothing(client: Browser, ask: Callable[..., None]) -> None:
    ask(state="skipped")
    assert client("boss", role="user").get(ROUTE).json() == []


def test_a_run_that_is_gone_asks_nothing(client: Browser, ask: Callable[..., None]) -> None:
    ask()
    assert client("boss", role="user").get(ROUTE.replace("first", "gone")).status_code == 404


def test_our_own_routes_take_no_answers(client: Browser, ask: Callable[..., None]) -> None:
    ask()
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client("boss", role="admin"), method)(ROUTE).status_code == 405


def test_the_frame_has_buttons_for_those_who_may_answer_only(client: Browser, ask: Callable[..., None]) -> None:
    ask()
    page = client("boss", role="user").get("/frame/tutor?run_id=first").text
    assert 'data-answer="Approve"' in page
    assert SUBJECT not in page
    assert "data-answer" not in client("viewer").get("/frame/tutor?run_id=first").text
