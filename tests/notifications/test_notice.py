"""What a message says, and that every place can take it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.links import run_page
from airflow_provider_bedrock_rft.notifications.gathering import gather, job_id_in
from airflow_provider_bedrock_rft.notifications.notice import (
    MAX_BLOCK,
    MAX_CELL,
    Notice,
    to_blocks,
    to_html,
    to_subject,
    to_text,
)
from airflow_provider_bedrock_rft.notifications.picture import to_png

if TYPE_CHECKING:
    from collections.abc import Callable

    Context = Callable[..., Any]

pytestmark = pytest.mark.airflow

NOTICE = Notice(title="tutor: promote", rows=(("verdict", "promote"), ("reason", "better")))


def test_the_decision_of_the_run_is_told(context: Context) -> None:
    notice = gather(context())
    rows = dict(notice.rows)
    assert (notice.title, rows["run"], rows["champion"]) == ("tutor: promote", "manual__1+1", "nobody yet")
    assert rows["candidate"] == "tuned  too few samples"
    assert notice.facts == {"dag_id": "tutor", "run_id": "manual__1+1", "verdict": "promote"}


def test_a_run_without_a_decision_tells_of_its_job(context: Context) -> None:
    notice = gather(context({("gate", "return_value"): None}))
    assert notice.title == "tutor: training succeeded"
    assert dict(notice.rows)["result"] == "tuned"
    assert notice.link.endswith("#run")


def test_a_run_without_a_job_tells_of_its_task(context: Context) -> None:
    notice = gather(context({("gate", "return_value"): None, ("train", "return_value"): None}))
    assert notice.title == "tutor: gate ended"


@pytest.mark.parametrize("value", [7, "text", {"kind": "rft.gate"}, {"kind": "rft.gate", "version": 99}, [None]])
def test_what_cannot_be_read_is_not_told(context: Context, value: object) -> None:
    assert gather(context({("gate", "return_value"): value})).title == "tutor: training succeeded"


def test_of_a_mapped_task_the_last_is_told(context: Context) -> None:
    told = context({("train", "job_id"): ["j1", None, "j2", None]})
    assert job_id_in(told) == "j2"
    assert job_id_in(context({("train", "job_id"): []})) == ""


def test_tasks_can_be_named(context: Context) -> None:
    known = context({("mine", "job_id"): "j7"})
    without_dag: Any = {"ti": known["ti"]}
    assert job_id_in(known, "mine") == "j7"
    assert job_id_in(without_dag, "mine") == "j7"
    assert job_id_in(without_dag) == ""


def test_letters_align_in_a_table() -> None:
    assert to_text(replace(NOTICE, notes=("No picture.",), link="http://a")) == (
        "tutor: promote\n\nverdict  promote\nreason   better\n\nNo picture.\n\nhttp://a"
    )


def test_pages_of_error_are_cut_everywhere() -> None:
    long = replace(NOTICE, rows=tuple((f"row {n}", "x" * 5_000) for n in range(9)), notes=("n" * 9_000,))
    assert f"{'x' * MAX_CELL} …" in to_html(long, has_picture=False)
    assert "x" * (MAX_CELL + 1) not in to_text(long)
    for block in to_blocks(long):
        assert len(block["text"]["text"]) <= MAX_BLOCK + 6  # type: ignore[index]


def test_nothing_ends_a_table_in_slack_early() -> None:
    block = to_blocks(replace(NOTICE, rows=(("reason", "``` <!channel> & more"),)))[1]
    assert block["text"]["text"] == "```reason  ''' &lt;!channel&gt; &amp; more```"  # type: ignore[index]


@pytest.mark.parametrize("title", ["a\nb", "größer", "x" * 200, "\t", ""])
def test_every_title_becomes_a_subject(title: str) -> None:
    subject = to_subject(replace(NOTICE, title=title))
    assert len(subject) < 100
    assert subject.isascii()
    assert "\n" not in subject


@pytest.mark.parametrize("base", ["", "/", "/team"])
def test_an_airflow_without_an_address_has_no_link(base: str) -> None:
    assert run_page(base, "d", "r") == ""


def test_ids_are_quoted_in_links() -> None:
    page = run_page("https://a.test/", "d/1", "manual__2026-01-01T00:00:00+00:00", "run")
    assert page == "https://a.test/dags/d%2F1/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00/plugin/bedrock-rft-run#run"


class TestPicture:
    def test_is_a_png_of_every_curve(self, training: Any) -> None:
        pytest.importorskip("matplotlib")
        for n_steps in (2, 6, 500):
            training.n_steps = n_steps
            assert to_png(Curve().extended(training.list_events("ftjob-1"))).startswith(b"\x89PNG")

    def test_of_a_job_that_has_just_begun_there_is_none(self, training: Any) -> None:
        training.n_steps = 1
        with pytest.raises(InvalidInput, match="fewer than two steps"):
            to_png(Curve().extended(training.list_events("ftjob-1")))


def test_a_gate_with_too_few_samples_is_told_in_words(context: Context) -> None:
    from airflow_provider_bedrock_rft.hooks.gate import GateResult, table_of

    told = context()["ti"].xcom_pull("gate", "return_value")
    result = replace(_gate(told), p_value=None, difference=None)
    assert any("too few samples" in line for line in table_of(result))
    assert isinstance(result, GateResult)
    assert "too few samples" in dict(gather(context({("gate", "return_value"): dump(result)})).rows)["test"]


def _gate(value: object) -> Any:
    from airflow_provider_bedrock_rft.core.codec import load
    from airflow_provider_bedrock_rft.hooks.gate import GateResult

    return load(GateResult, value)
