"""The task that trains: one job per intent, and a kill stops exactly that job."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_bedrock_rft import BedrockRftCancelJobOperator, BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.errors import InvalidPayload, JobCancellation, JobFailure, WaitTimeout
from airflow_provider_bedrock_rft.core.job.ending import Ending, EndingKind
from airflow_provider_bedrock_rft.core.job.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

INTENTS = "s3://bucket/prefix/intents"
ARN = "arn:aws:lambda:us-west-2:123456789012:function:grader:3"
DATASET = {
    "kind": "rft.dataset",
    "version": 1,
    "file_id": "file-1",
    "fingerprint": "d" * 64,
    "name": "rft-dddd.jsonl",
    "n_records": 300,
    "size_bytes": 1,
    "reused": False,
}
GRADER = {
    "kind": "rft.grader",
    "version": 1,
    "arn": ARN,
    "function_name": "grader",
    "function_version": "3",
    "fingerprint": "g" * 64,
    "reused": False,
}


def kwargs_of(deferred: Any) -> dict[str, Any]:
    """What the resumed task gets, after its way through Airflow's database."""
    found: dict[str, Any] = json.loads(json.dumps(deferred.value.kwargs))
    return found


@pytest.fixture
def world(fakes: ModuleType) -> Any:
    return fakes.World(clock=FakeClock())


@pytest.fixture
def train(fakes: ModuleType, world: Any, fake_hook: Any, run: Any) -> Callable[..., Any]:
    def make(**kwargs: Any) -> Any:
        store = {} if run.state else {"artifacts_uri": INTENTS.removesuffix("/intents")}
        fields = {"model": "m", "dataset": DATASET, "grader": GRADER, "deferrable": False, **store, **kwargs}
        task: Any = BedrockRftCreateJobOperator(task_id="train", **fields)
        task.hook = fake_hook(training=fakes.FakeTraining(world), objects=fakes.FakeObjects(world))
        task.hook.intent_stores[INTENTS] = fakes.FakeIntents(world)
        task.clock = world.clock
        return task

    return make


def ends(world: Any, status: str, *, after_seconds: float = 60) -> None:
    """Jobs end once they are that old."""

    def turn(_: str) -> None:
        for job in world.jobs:
            if job.finished_at is None and world.clock.now() >= job.created_at + after_seconds:
                world.end(job.job_id, status)

    world.turn = turn


def test_inline(train: Any, world: Any, run: Any) -> None:
    ends(world, "succeeded")
    task = train(hyperparameters={"n_epochs": "2", "batch_size": 4, "learning_rate_multiplier": ""})
    out = task.execute(run.context(task))
    assert out["kind"] == "rft.job"
    assert out["tuned_model"] == "tuned:ftjob-1"
    assert world.jobs[0].training_data == "file-1"
    assert world.jobs[0].grader_arn == ARN
    assert world.jobs[0].hyperparameters == {"n_epochs": 2, "batch_size": 4}
    json.dumps(out, allow_nan=False)


def test_the_job_id_and_the_links_are_there_while_the_job_runs(train: Any, run: Any) -> None:
    task = train(deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute(run.context(task))
    assert run.ti.xcoms["job_id"] == "ftjob-1"
    assert "functions/grader/versions/3" in str(run.ti.xcoms["_link_BedrockRftGraderLink"])
    link = next(link for link in task.operator_extra_links if link.name == "Grader")
    assert link.get_link(task, ti_key=run.ti) == run.ti.xcoms["_link_BedrockRftGraderLink"]


def test_deferred_and_resumed_in_another_process(train: Any, world: Any, run: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        train(deferrable=True).execute(run.context(train()))
    world.end("ftjob-1", "succeeded")
    kwargs = json.loads(json.dumps(deferred.value.kwargs))
    resumed = train(deferrable=True)
    event = dump(Ending(job_id="ftjob-1", reason=EndingKind.SUCCEEDED))
    out = resumed.execute_complete(run.context(resumed), event=json.loads(json.dumps(event)), **kwargs)
    assert out["tuned_model"] == "tuned:ftjob-1"
    assert len(world.jobs) == 1


@pytest.mark.parametrize(
    ("reason", "error"),
    [(EndingKind.TIMEOUT, WaitTimeout), (EndingKind.FAILED, JobFailure), (EndingKind.CANCELLED, JobCancellation)],
)
def test_resumed_without_a_model(train: Any, run: Any, reason: EndingKind, error: type[Exception]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        train(deferrable=True).execute(run.context(train()))
    task = train()
    with pytest.raises(error):
        task.execute_complete(
            run.context(task), event=dump(Ending(job_id="ftjob-1", reason=reason)), **kwargs_of(deferred)
        )


def test_resumed_without_an_event_fails(train: Any, run: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        train(deferrable=True).execute(run.context(train()))
    task = train()
    with pytest.raises(InvalidPayload, match="without an event"):
        task.execute_complete(run.context(task), event=None, **kwargs_of(deferred))


def test_a_retry_attaches_to_the_job_that_runs(train: Any, world: Any, run: Any) -> None:
    for _ in range(3):
        with pytest.raises(TaskDeferred):
            train(deferrable=True).execute(run.context(train()))
    assert len(world.jobs) == 1


def test_a_worker_killed_at_any_call_leaves_one_job(fakes: Any, world: Any, train: Any, run: Any) -> None:
    for kill in range(1, 25):
        world.new_worker(kill_after=kill)
        with pytest.raises((fakes.WorkerKilled, TaskDeferred)):
            train(deferrable=True).execute(run.context(train()))
    assert len(world.jobs) == 1


def test_a_failed_job_is_replaced_as_often_as_allowed(train: Any, world: Any, run: Any) -> None:
    ends(world, "failed")
    for _ in range(4):
        with pytest.raises(JobFailure):
            train(max_attempts=2).execute(run.context(train()))
    assert len(world.jobs) == 2


def test_clear_grants_new_attempts(train: Any, world: Any, run: Any) -> None:
    ends(world, "failed")
    with pytest.raises(JobFailure):
        train(max_attempts=1).execute(run.context(train()))
    run.cleared()
    ends(world, "succeeded")
    assert train(max_attempts=1).execute(run.context(train()))["job_id"] == "ftjob-2"


@pytest.mark.parametrize(("on_success_rerun", "n_jobs"), [("adopt", 1), ("train", 2)])
def test_clear_after_a_success(train: Any, world: Any, run: Any, on_success_rerun: str, n_jobs: int) -> None:
    ends(world, "succeeded")
    train(on_success_rerun=on_success_rerun).execute(run.context(train()))
    run.cleared()
    train(on_success_rerun=on_success_rerun).execute(run.context(train()))
    assert len(world.jobs) == n_jobs


def test_without_a_state_store_intents_go_below_the_artifacts(train: Any, world: Any, run: Any) -> None:
    run.state = None
    task = train(deferrable=True, artifacts_uri="s3://bucket/prefix/")
    with pytest.raises(TaskDeferred):
        task.execute(run.context(task))
    assert world.documents


def test_without_any_store_nothing_is_submitted(train: Any, world: Any, run: Any) -> None:
    run.state = None
    with pytest.raises(AirflowFailException, match="artifacts_uri"):
        train(artifacts_uri=None).execute(run.context(train()))
    assert not world.jobs


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dataset": None}, "dataset is missing"),
        ({"dataset": "None"}, "dataset is missing"),
        ({"dataset": str(DATASET)}, "output"),
        ({"dataset": GRADER}, "rft.grader"),
        ({"grader": ARN.removesuffix(":3")}, "not pinned"),
        ({"grader": "my-grader"}, "Lambda function ARN"),
        ({"hyperparameters": {"epochs": 3}}, "no field epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "n_epochs"),
        ({"model": ""}, "model is missing"),
        ({"model": "unknown.model"}, "does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_no_retry(
    train: Any, world: Any, run: Any, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(AirflowFailException, match=sentence):
        train(**fields).execute(run.context(train()))
    assert not world.jobs


def test_a_choice_that_does_not_exist_fails_the_import() -> None:
    with pytest.raises(ValueError, match="'stop' or 'leave'"):
        BedrockRftCreateJobOperator(task_id="t", model="m", dataset="d", grader=ARN, on_cancel="explode")


def test_on_kill_stops_the_job_exactly_once(train: Any, world: Any, run: Any) -> None:
    task = train()

    def turn(name: str) -> None:
        if name == "get_job" and "list_events" in world.log and "cancel_job" not in world.log:
            task.on_kill()
            task.on_kill()

    world.turn = turn
    with pytest.raises(JobCancellation):
        task.execute(run.context(task))
    assert world.log.count("cancel_job") == 1
    assert world.jobs[0].status == "cancelled"


def test_sigterm_stops_the_job_as_airflows_runner_does_it(train: Any, world: Any, run: Any) -> None:
    task = train()
    before = signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
    world.turn = lambda name: signal.raise_signal(signal.SIGTERM) if name == "list_events" else None
    try:
        with pytest.raises(JobCancellation):
            task.execute(run.context(task))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert world.log.count("cancel_job") == 1


def test_on_kill_leaves_the_job_when_asked(train: Any, world: Any, run: Any) -> None:
    task = train(on_cancel="leave")
    ends(world, "succeeded")
    ended = world.turn

    def turn(name: str) -> None:
        if name == "list_events":
            task.on_kill()
        ended(name)

    world.turn = turn
    assert task.execute(run.context(task))["tuned_model"]
    assert "cancel_job" not in world.log


def test_a_kill_in_the_middle_of_the_submission_leaves_no_job_running(train: Any, world: Any, run: Any) -> None:
    task = train()
    world.turn = lambda name: task.on_kill() if name == "create_job" else None
    with pytest.raises(JobCancellation):
        task.execute(run.context(task))
    assert [job.status for job in world.jobs] == ["cancelled"]


def test_a_dying_worker_does_not_stop_a_job_that_was_handed_over(train: Any, world: Any, run: Any) -> None:
    task = train(deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute(run.context(task))
    task.on_kill()
    assert "cancel_job" not in world.log


def test_a_retry_after_a_kill_trains_anew(train: Any, world: Any, run: Any) -> None:
    test_on_kill_stops_the_job_exactly_once(train, world, run)
    ends(world, "succeeded")
    assert train().execute(run.context(train()))["job_id"] == "ftjob-2"


def stopped_after(world: Any, seconds: float) -> None:
    """The first job is cancelled that long after it was made; later ones succeed."""

    def turn(_: str) -> None:
        now = world.clock.now()
        if world.jobs and world.jobs[0].finished_at is None and now >= world.jobs[0].created_at + seconds:
            world.end("ftjob-1", "cancelled")
        for job in world.jobs[1:]:
            if job.finished_at is None and now >= job.created_at + 60:
                world.end(job.job_id, "succeeded")

    world.turn = turn


def test_a_cancel_of_clear_that_comes_late_makes_a_new_attempt(train: Any, world: Any, run: Any) -> None:
    with pytest.raises(TaskDeferred):
        train(deferrable=True).execute(run.context(train()))
    run.cleared()
    stopped_after(world, 20)
    assert train().execute(run.context(train()))["job_id"] == "ftjob-2"
    assert run.ti.xcoms["job_id"] == "ftjob-2"


def test_a_cancel_of_clear_that_comes_late_to_a_deferred_task(train: Any, world: Any, run: Any) -> None:
    with pytest.raises(TaskDeferred):
        train(deferrable=True).execute(run.context(train()))
    run.cleared()
    task = train(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    world.end("ftjob-1", "cancelled")
    event = dump(Ending(job_id="ftjob-1", reason=EndingKind.CANCELLED))
    resumed = train(deferrable=True)
    with pytest.raises(TaskDeferred) as again:
        resumed.execute_complete(run.context(resumed), event=event, **kwargs_of(deferred))
    assert again.value.trigger.plan.job_id == "ftjob-2"
    assert [job.status for job in world.jobs] == ["cancelled", "queued"]


@pytest.mark.parametrize(("seconds", "fields"), [(3600, {}), (20, {"on_cancel": "leave"})])
def test_a_cancel_that_is_not_of_clear_is_a_cancellation(
    train: Any, world: Any, run: Any, seconds: float, fields: dict[str, Any]
) -> None:
    with pytest.raises(TaskDeferred):
        train(deferrable=True).execute(run.context(train()))
    run.cleared()
    stopped_after(world, seconds)
    with pytest.raises(JobCancellation):
        train(**fields).execute(run.context(train()))
    assert len(world.jobs) == 1


def test_a_retry_that_the_scheduler_makes_does_not_take_a_cancel_for_one_of_clear(
    train: Any, world: Any, run: Any
) -> None:
    with pytest.raises(TaskDeferred):
        train(deferrable=True).execute(run.context(train()))
    stopped_after(world, 20)
    with pytest.raises(JobCancellation):
        train().execute(run.context(train()))
    assert len(world.jobs) == 1


def test_a_kill_before_anything_happened_does_nothing(train: Any, world: Any) -> None:
    train().on_kill()
    assert not world.log


def test_submit_without_waiting(train: Any, run: Any) -> None:
    task = train(wait_for_completion=False)
    out = task.execute(run.context(task))
    assert out["kind"] == "rft.submission"
    assert out["job_id"] == "ftjob-1"


def test_outlets_of_ours_are_told_what_was_made(train: Any, world: Any, run: Any) -> None:
    from airflow_provider_bedrock_rft import job_asset

    ends(world, "succeeded")
    asset = job_asset("tutor")
    task = train(outlets=[asset])
    task.execute(run.context(task))
    assert run.outlet_events[asset].extra == {"job_id": "ftjob-1", "model": "tuned:ftjob-1", "base_model": "m"}


def test_cancel(fakes: Any, train: Any, world: Any, run: Any, fake_hook: Any) -> None:
    submitted = train(wait_for_completion=False).execute(run.context(train()))
    task = BedrockRftCancelJobOperator(task_id="cancel", job=submitted)
    task.hook = fake_hook(training=fakes.FakeTraining(world))
    assert task.execute(run.context(task))["status"] == "cancelled"
    assert task.execute(run.context(task))["status"] == "cancelled"


def test_the_native_plane_gets_what_it_needs(fakes: Any, train: Any, world: Any, run: Any, fake_hook: Any) -> None:
    task = train(
        plane="native",
        dataset="s3://bucket/train.jsonl",
        role_arn="arn:aws:iam::123456789012:role/rft",
        output_s3_uri="s3://bucket/out",
        wait_for_completion=False,
    )
    task.hook = fake_hook(native_training=fakes.FakeTraining(world, native=True))
    task.hook.intent_stores[INTENTS] = fakes.FakeIntents(world)
    assert task.execute(run.context(task))["job_id"] == "ftjob-1"
    assert world.jobs[0].name


def test_a_job_is_looked_for_on_the_plane_that_has_it(fakes: Any, world: Any, run: Any, fake_hook: Any) -> None:
    arn = "arn:aws:bedrock:us-west-2:123456789012:model-customization-job/nova/abc"
    world.jobs.append(
        Job(job_id=arn, status="InProgress", model="m", training_data="s", grader_arn=ARN, created_at=0.0)
    )
    task = BedrockRftCancelJobOperator(task_id="cancel", job=arn)
    task.hook = fake_hook(native_training=fakes.FakeTraining(world, native=True))
    assert task.execute(run.context(task))["status"] == "cancelled"


@pytest.mark.parametrize("qualifier", ["", ":$LATEST", ":live"])
def test_a_grader_that_can_be_swapped_trains_only_when_that_was_asked_for(
    train: Any, world: Any, run: Any, qualifier: str
) -> None:
    ends(world, "succeeded")
    arn = ARN.removesuffix(":3") + qualifier
    with pytest.raises(AirflowFailException, match="not pinned"):
        train(grader=arn).execute(run.context(train()))
    assert world.jobs == []
    train(grader=arn, allow_unpinned_grader=True).execute(run.context(train()))
    assert [job.grader_arn for job in world.jobs] == [arn]
