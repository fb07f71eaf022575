"""What a submission decides when nothing dies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import (
    ConnectionLost,
    InvalidJobSpec,
    JobFailure,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_bedrock_rft.core.job.submission import How, Submission, SubmissionPolicy
from airflow_provider_bedrock_rft.core.steps.job import release_job, submit_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.job.spec import JobSpec

Submit = "Callable[..., Submission]"


@pytest.fixture
def world(fakes: ModuleType) -> Any:
    return fakes.World()


@pytest.fixture
def submit(fakes: ModuleType, world: Any) -> Callable[..., Submission]:
    def run(spec: JobSpec, *, native: bool = False, key: str = "dag/run/train/0", **policy: Any) -> Submission:
        world.new_worker()
        training = fakes.FakeTraining(world, native=native)
        intents = fakes.FakeIntents(world)
        return submit_job(training, intents, key=key, spec=spec, clock=world.clock, policy=SubmissionPolicy(**policy))

    return run


def test_a_first_submission_writes_its_intent_before_it_asks(world: Any, submit: Any, spec: JobSpec) -> None:
    submission = submit(spec)
    assert submission.how is How.CREATED
    assert not submission.adopted
    assert "Created job ftjob-1 (attempt 1)." in submission.story()
    assert world.log == ["read", "create", "create_job", "read", "create", "write", "create"]


def test_a_first_submission_never_searches(world: Any, submit: Any, spec: JobSpec) -> None:
    """No earlier request was sent, so no job can be ours: a twin's job is never taken for it."""
    submit(spec, key="dag/run/twin")
    submission = submit(spec)
    assert not submission.adopted
    assert "list_jobs" not in world.log


def test_a_retry_attaches_to_the_running_job(world: Any, submit: Any, spec: JobSpec) -> None:
    first = submit(spec)
    again = submit(spec)
    assert (again.job_id, again.how, again.adopted) == (first.job_id, How.REATTACHED, True)
    assert len(world.jobs) == 1


def test_a_success_of_this_generation_is_taken_over(world: Any, submit: Any, spec: JobSpec) -> None:
    first = submit(spec, generation="1")
    world.end(first.job_id, "succeeded")
    again = submit(spec, generation="1", on_success_rerun="train")
    assert (again.job_id, again.how) == (first.job_id, How.ADOPTED_SUCCESS)


def test_clear_after_success_adopts_by_default_and_says_so(world: Any, submit: Any, spec: JobSpec) -> None:
    first = submit(spec, generation="1")
    world.end(first.job_id, "succeeded")
    again = submit(spec, generation="2")
    assert again.job_id == first.job_id
    assert 'on_success_rerun="train"' in again.story()


def test_clear_after_success_trains_again_when_told_to(world: Any, submit: Any, spec: JobSpec) -> None:
    first = submit(spec, generation="1")
    world.end(first.job_id, "succeeded")
    second = submit(spec, generation="2", on_success_rerun="train")
    assert second.job_id != first.job_id
    assert second.attempt == 2
    assert submit(spec, generation="2", on_success_rerun="train").job_id == second.job_id


def test_a_failed_job_is_replaced_until_attempts_run_out(world: Any, submit: Any, spec: JobSpec) -> None:
    for number in (1, 2):
        submission = submit(spec, max_attempts=2)
        assert submission.attempt == number
        world.end(submission.job_id, "failed", error_message="The grader raised KeyError")
    with pytest.raises(JobFailure, match=r"2 of 2 attempts .* The grader raised KeyError") as caught:
        submit(spec, max_attempts=2)
    assert caught.value.details["attempts"] == ["ftjob-1", "ftjob-2"]
    assert len(world.jobs) == 2


def test_clear_grants_new_attempts(world: Any, submit: Any, spec: JobSpec) -> None:
    failed = submit(spec, max_attempts=1, generation="1")
    world.end(failed.job_id, "failed")
    with pytest.raises(JobFailure):
        submit(spec, max_attempts=1, generation="1")
    assert submit(spec, max_attempts=1, generation="2").attempt == 2


def test_clear_does_not_attach_to_a_job_that_its_own_kill_is_stopping(world: Any, submit: Any, spec: JobSpec) -> None:
    first = submit(spec, generation="1")
    looked: list[str] = []

    def kill_arrives_late(call: str) -> None:
        looked.append(call)
        if looked.count("get_job") == 2:
            world.end(first.job_id, "cancelled")

    world.turn = kill_arrives_late
    assert submit(spec, generation="2").attempt == 2
    assert [job.status for job in world.jobs] == ["cancelled", "queued"]


def test_clear_attaches_to_a_job_that_was_left_running(submit: Any, spec: JobSpec) -> None:
    first = submit(spec, generation="1")
    assert submit(spec, generation="2").job_id == first.job_id


def test_changed_inputs_stop_the_old_job_and_train_anew(world: Any, submit: Any, spec: JobSpec) -> None:
    old = submit(spec)
    changed = replace(spec, hyperparameters=replace(spec.hyperparameters, n_epochs=2))
    new = submit(changed)
    assert new.job_id != old.job_id
    assert new.superseded_job_id == old.job_id
    assert "was stopped" in new.story()
    assert [job.status for job in world.jobs] == ["cancelled", "queued"]


def test_a_new_name_or_tag_is_no_new_content(submit: Any, spec: JobSpec) -> None:
    first = submit(spec)
    assert submit(replace(spec, name="other", tags={"team": "ml"})).job_id == first.job_id


@pytest.mark.parametrize("lag", [0.0, 5.0, 59.0])
@pytest.mark.parametrize("error", [ConnectionLost, ServiceUnavailable])
def test_a_lost_reply_is_searched_for(world: Any, submit: Any, spec: JobSpec, lag: float, error: type) -> None:
    world.list_lag_seconds = lag
    world.lose_replies_to.append("create_job")
    world.failures["list_jobs"] = [error("busy")]
    submission = submit(spec)
    assert submission.how is How.FOUND
    assert "its reply was lost" in submission.story()
    assert len(world.jobs) == 1


def test_a_request_that_never_arrived_is_sent_again_after_the_search(world: Any, submit: Any, spec: JobSpec) -> None:
    world.failures["create_job"] = [ServiceUnavailable("busy"), ConnectionLost("gone")]
    started = world.clock.now()
    assert submit(spec, settle_seconds=60.0).how is How.CREATED
    assert world.clock.now() - started >= 120
    assert len(world.jobs) == 1


def test_without_a_connection_nothing_is_searched_for(world: Any, submit: Any, spec: JobSpec) -> None:
    world.failures["create_job"] = [ConnectionLost("refused", request_sent=False), Throttled("slow down")]
    assert submit(spec).how is How.CREATED
    assert "list_jobs" not in world.log


def test_a_plane_that_stays_away_fails_with_its_own_error(world: Any, submit: Any, spec: JobSpec) -> None:
    world.failures["create_job"] = [ServiceUnavailable("busy") for _ in range(9)]
    with pytest.raises(ServiceUnavailable, match="busy"):
        submit(spec)
    world.failures.clear()
    submit(spec)
    assert len(world.jobs) == 1


def test_nothing_is_concluded_while_the_listing_fails(world: Any, submit: Any, spec: JobSpec) -> None:
    world.lose_replies_to.append("create_job")
    world.failures["list_jobs"] = [ServiceUnavailable("busy") for _ in range(50)]
    with pytest.raises(ServiceUnavailable):
        submit(spec)
    world.failures.clear()
    assert submit(spec).how is How.FOUND
    assert len(world.jobs) == 1


@pytest.mark.parametrize(("model", "error"), [("unknown.model", RequestRejected), ("invalid", InvalidJobSpec)])
def test_a_refusal_is_final_and_leaves_nothing_to_search_for(
    world: Any, submit: Any, spec: JobSpec, model: str, error: type
) -> None:
    for _ in range(2):
        with pytest.raises(error):
            submit(replace(spec, model=model), max_attempts=1)
    submit(spec, max_attempts=1)
    assert "list_jobs" not in world.log
    assert len(world.jobs) == 1


def test_a_stranger_with_other_hyperparameters_is_not_adopted(world: Any, submit: Any, spec: JobSpec) -> None:
    other = replace(spec, hyperparameters=replace(spec.hyperparameters, batch_size=8))
    submit(other, key="dag/run/other")
    world.failures["create_job"] = [ServiceUnavailable("busy")]
    submission = submit(spec)
    assert submission.how is How.CREATED
    assert len(world.jobs) == 2


def test_a_killed_task_releases_its_job(world: Any, submit: Any, spec: JobSpec, fakes: Any) -> None:
    first = submit(spec)
    world.failures["cancel_job"] = []
    released = release_job(fakes.FakeTraining(world), fakes.FakeIntents(world), key="dag/run/train/0")
    assert released == first.job_id
    assert world.jobs[0].status == "cancelled"
    assert submit(spec).job_id != first.job_id


def test_a_released_job_that_still_runs_is_stopped_and_not_attached_to(
    world: Any, submit: Any, spec: JobSpec, fakes: Any
) -> None:
    first = submit(spec)
    world.failures["cancel_job"] = [ConnectionLost("gone")]
    with pytest.raises(ConnectionLost):
        release_job(fakes.FakeTraining(world), fakes.FakeIntents(world), key="dag/run/train/0")
    second = submit(spec)
    assert second.job_id != first.job_id
    assert world.jobs[0].status == "cancelled"


def test_releasing_a_task_without_a_job_is_nothing(world: Any, fakes: Any) -> None:
    assert release_job(fakes.FakeTraining(world), fakes.FakeIntents(world), key="dag/run/train/0") == ""


def test_a_job_that_vanished_is_replaced_once_it_is_too_old_to_be_late(world: Any, submit: Any, spec: JobSpec) -> None:
    submit(spec)
    world.jobs.clear()
    with pytest.raises(ResourceNotFound):
        submit(spec)
    world.clock.sleep(100)
    assert submit(spec).attempt == 2


def test_a_name_that_a_stranger_has_is_an_error_and_no_adoption(world: Any, submit: Any, spec: JobSpec) -> None:
    submit(replace(spec, name="nightly"), native=True, key="dag/run/other")
    world.jobs[0] = replace(world.jobs[0], token="somebody-elses")
    with pytest.raises(ResourceConflict):
        submit(replace(spec, name="nightly"), native=True)
    assert len(world.jobs) == 1


def test_a_submission_survives_xcom(submit: Any, spec: JobSpec) -> None:
    submission = submit(spec)
    assert codec.load(Submission, codec.dump(submission)) == submission
