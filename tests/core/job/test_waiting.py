from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    InvalidCredentials,
    JobCancellation,
    JobFailure,
    RftError,
    ServiceError,
    ServiceUnavailable,
    Throttled,
    UnknownStatus,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.job.ending import (
    Ending,
    EndingKind,
    ending_by_error,
    ending_by_timeout,
    ending_of_job,
)
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.status import OUTCOMES, Outcome, outcome_of
from airflow_provider_bedrock_rft.core.job.waiting import (
    Finish,
    GiveUp,
    Sleep,
    WaitPlan,
    move_after_error,
    next_move,
)

times = st.floats(0, 2e9, allow_nan=False)
statuses = st.sampled_from(sorted(OUTCOMES))


@st.composite
def plans(draw: st.DrawFn) -> WaitPlan:
    smallest = draw(st.floats(0.01, 60))
    return WaitPlan(
        job_id="ftjob-1",
        created_at=draw(times),
        deadline_at=draw(times),
        min_poll_seconds=smallest,
        max_poll_seconds=draw(st.floats(smallest, 3600)),
        age_share=draw(st.floats(0, 1)),
    )


@given(statuses, times, plans())
def test_a_job_finishes_exactly_when_it_has_an_outcome(status: str, now: float, plan: WaitPlan) -> None:
    move = next_move(status, now, plan)
    assert (move == Finish(outcome=o)) if (o := outcome_of(status)) else not isinstance(move, Finish)


@given(times, plans())
def test_a_running_job_is_given_up_exactly_at_the_deadline(now: float, plan: WaitPlan) -> None:
    move = next_move("running", now, plan)
    if now >= plan.deadline_at:
        assert move == GiveUp(deadline_at=plan.deadline_at)
    else:
        assert isinstance(move, Sleep)
        assert 0 < move.seconds <= min(plan.max_poll_seconds, plan.deadline_at - now)


@given(times, st.floats(0, 1e6), plans())
def test_polling_only_slows_down_with_age(now: float, later: float, plan: WaitPlan) -> None:
    assert plan.poll_seconds(now) <= plan.poll_seconds(now + later) <= plan.max_poll_seconds


@given(times, plans(), st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_transient_errors_are_ridden_out_until_the_deadline(now: float, plan: WaitPlan, n: int, random: Random) -> None:
    for error in (Throttled("t"), ServiceUnavailable("s"), ConnectionLost("c")):
        move = move_after_error(error, n, now, plan, random)
        if now >= plan.deadline_at:
            assert isinstance(move, GiveUp)
        else:
            assert isinstance(move, Sleep)
            assert 0 < move.seconds <= 120


@pytest.mark.parametrize("error", [AccessDenied("no"), InvalidCredentials("expired"), UnknownStatus("odd")])
def test_other_errors_end_the_wait(error: RftError) -> None:
    plan = WaitPlan(job_id="j", created_at=0, deadline_at=10)
    with pytest.raises(type(error)):
        move_after_error(error, 1, 0.0, plan, Random(0))


@given(st.text().filter(lambda text: text not in OUTCOMES))
def test_an_unknown_status_is_never_success_nor_patience(status: str) -> None:
    with pytest.raises(UnknownStatus) as caught:
        next_move(status, 0.0, WaitPlan(job_id="j", created_at=0, deadline_at=10))
    assert caught.value.details["status"] == status


@given(plans())
def test_a_plan_crosses_processes(plan: WaitPlan) -> None:
    assert codec.load(WaitPlan, codec.dump(plan)) == plan


def job(status: str, **changes: object) -> Job:
    fields = {"model": "m", "training_data": "f", "grader_arn": "g", "created_at": 0.0} | changes
    return Job(job_id="ftjob-1", status=status, **fields)  # type: ignore[arg-type]


def test_success_needs_a_model() -> None:
    assert ending_of_job(job("succeeded", tuned_model="m:1")).reason is EndingKind.SUCCEEDED
    bare = ending_of_job(job("succeeded"))
    assert bare.reason is EndingKind.FAILED
    with pytest.raises(JobFailure, match="names no tuned model"):
        bare.ensure_success()


@pytest.mark.parametrize(
    ("ending", "error", "words"),
    [
        (ending_of_job(job("failed", error_message="Line 3.")), JobFailure, r"failed: Line 3\. Mend"),
        (ending_of_job(job("Failed")), JobFailure, "gives no reason"),
        (ending_of_job(job("cancelled")), JobCancellation, "was cancelled"),
        (ending_of_job(job("Stopped")), JobCancellation, "was cancelled"),
        (ending_by_timeout("j", waited_seconds=86400), WaitTimeout, r"after 24\.0 h; the job is still running"),
        (ending_by_error("j", UnknownStatus("Odd.")), UnknownStatus, "Odd"),
        (ending_by_error("j", InvalidCredentials("Expired.")), InvalidCredentials, "Expired"),
        (ending_by_error("j", AccessDenied("No.", action="Ask.")), ServiceError, "No. Ask."),
    ],
)
def test_every_other_ending_is_an_error(ending: Ending, error: type[RftError], words: str) -> None:
    again = codec.load(Ending, codec.dump(ending))
    assert again == ending
    with pytest.raises(error, match=words):
        again.ensure_success()


def test_a_stopped_native_job_may_still_have_a_model() -> None:
    assert ending_of_job(job("Stopped", tuned_model="arn:x")).tuned_model == "arn:x"


def test_a_running_job_has_no_ending() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        ending_of_job(job("running"))


@given(statuses)
def test_every_outcome_has_an_ending(status: str) -> None:
    if outcome := outcome_of(status):
        ending = ending_of_job(job(status, tuned_model="m"))
        assert ending.reason.value == {Outcome.SUCCEEDED: "succeeded", Outcome.FAILED: "failed"}.get(
            outcome, "cancelled"
        )
