"""Deploying a custom model: whatever is killed, lost or there already, one deployment answers with the right model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.deployment import READINESS, Deployment, DeploymentKind, DeploymentSpec
from airflow_provider_bedrock_rft.core.errors import (
    ConnectionLost,
    InvalidInput,
    JobFailure,
    ResourceConflict,
    ResourceNotFound,
    Throttled,
    UnknownStatus,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest
from airflow_provider_bedrock_rft.core.steps.deployment import DeploymentPolicy, delete_deployment, deploy_model

OLD = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-2-lite-v1:0:256k/old000000000"
NEW = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-2-lite-v1:0:256k/new000000000"
KEY = "dag/run/deploy/0"


class WorkerKilled(BaseException):
    """SIGKILL, as far as one process can feel it."""


@dataclass
class FakeDeployments:
    """A ``DeploymentService`` that takes its time; ``before`` sees the name of every call, ``after`` once it is done."""

    clock: FakeClock
    made: dict[str, Deployment] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    end: str = "Active"
    deleted_models: list[str] = field(default_factory=list)
    gone_at: dict[str, float] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    n_created: int = 0

    def _now(self, deployment: Deployment) -> Deployment:
        is_done = self.clock.now() >= deployment.created_at + self.seconds
        if deployment.next_model:
            if is_done:
                return replace(deployment, custom_model=deployment.next_model, switch_status="UpdateCompleted")
            return replace(deployment, switch_status="Updating")
        return replace(deployment, status=self.end if is_done else "Creating")

    def find(self, name: str, *, kind: DeploymentKind) -> Deployment | None:
        self.before("find")
        alive = [d for d in self.made.values() if d.name == name and d.serving is kind and self._is_there(d.model)]
        self.after("find")
        return self._now(alive[0]) if alive else None

    def get(self, model: str) -> Deployment:
        self.before("get")
        if model not in self.made or not self._is_there(model):
            raise ResourceNotFound(f"There is no deployment {model}.")
        self.after("get")
        return self._now(self.made[model])

    def create(self, spec: DeploymentSpec, *, token: str) -> Deployment:
        self.before("create")
        if token not in self.tokens:
            if any(d.name == spec.deployment_name for d in self.made.values()):
                raise ResourceConflict(f"The name {spec.deployment_name} is in use.")
            self.n_created += 1
            model = f"arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/{self.n_created:012d}"
            self.tokens[token] = model
            self.made[model] = Deployment(
                model=model,
                name=spec.deployment_name,
                serving=spec.kind,
                custom_model=spec.custom_model,
                status="Creating",
                created_at=self.clock.now(),
            )
        self.after("create")
        return self.made[self.tokens[token]]

    def switch(self, model: str, *, custom_model: str) -> None:
        self.before("switch")
        now = self.clock.now()
        self.made[model] = replace(self.made[model], status="Active", next_model=custom_model, created_at=now)
        self.after("switch")

    def delete(self, model: str) -> None:
        self.before("delete")
        if model in self.made:
            self.gone_at.setdefault(model, self.clock.now() + self.seconds)

    def delete_custom_model(self, custom_model: str) -> None:
        self.deleted_models.append(custom_model)

    def _is_there(self, model: str) -> bool:
        return self.clock.now() < self.gone_at.get(model, float("inf"))


@dataclass
class FakeRuntime:
    replies: list[str | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def complete(self, request: CompletionRequest) -> Completion:
        self.asked.append(request.model)
        reply = self.replies.pop(0) if self.replies else "4"
        if isinstance(reply, Exception):
            raise reply
        return Completion(text=reply)


@pytest.fixture
def deployments() -> FakeDeployments:
    return FakeDeployments(FakeClock())


def deploy(
    deployments: FakeDeployments, runtime: FakeRuntime | None = None, model: str = NEW, name: str = "", **policy: Any
) -> Deployment:
    return deploy_model(
        deployments,
        runtime or FakeRuntime(),
        DeploymentSpec(custom_model=model, name=name),
        key=KEY,
        clock=deployments.clock,
        policy=DeploymentPolicy(**policy),
    )


def test_it_is_made_waited_for_and_asked(deployments: FakeDeployments) -> None:
    runtime = FakeRuntime()
    made = deploy(deployments, runtime)
    assert (made.status, made.custom_model, made.name) == ("Active", NEW, "rft-new000000000")
    assert runtime.asked == [made.model]
    assert load(Deployment, dump(made)) == made


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_at_any_call_leaves_one_deployment(deployments: FakeDeployments, moment: str) -> None:
    for kill_at in range(1, 8):
        left = iter(range(1, kill_at))

        def deadly(_: str, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise WorkerKilled

        setattr(deployments, moment, deadly)
        with suppress(WorkerKilled):
            deploy(deployments)
    setattr(deployments, moment, lambda _: None)
    assert deploy(deployments).status == "Active"
    assert deployments.n_created == 1


def test_a_lost_reply_to_create_is_found_by_name(deployments: FakeDeployments) -> None:
    spec = DeploymentSpec(custom_model=NEW)
    deployments.create(spec, token=spec.token(key="another try's key"))
    finds = iter([None])
    honest = deployments.find
    late: Any = lambda name, *, kind: next(finds, honest(name, kind=kind))  # noqa: E731 - a listing that is late once
    deployments.find = late  # type: ignore[method-assign]
    assert deploy(deployments).custom_model == NEW
    assert deployments.n_created == 1


def test_a_lost_reply_is_an_error_that_a_retry_mends(deployments: FakeDeployments) -> None:
    def lose(name: str) -> None:
        if name == "create":
            deployments.after = lambda _: None
            raise ConnectionLost("No reply.")

    deployments.after = lose
    with pytest.raises(ConnectionLost):
        deploy(deployments)
    assert deploy(deployments).custom_model == NEW
    assert deployments.n_created == 1


def test_another_models_deployment_is_switched_only_on_request(deployments: FakeDeployments) -> None:
    first = deploy(deployments, model=OLD, name="tutor")
    with pytest.raises(ResourceConflict, match=r"answers with .*old0.*, not with .*new0"):
        deploy(deployments, name="tutor")
    switched = deploy(deployments, name="tutor", may_switch=True)
    assert (switched.model, switched.custom_model) == (first.model, NEW)
    assert deploy(deployments, name="tutor", may_switch=True) == switched


def test_one_that_is_being_switched_is_waited_for(deployments: FakeDeployments) -> None:
    first = deploy(deployments, model=OLD, name="tutor")
    deployments.switch(first.model, custom_model=NEW)
    deployments.before = lambda name: pytest.fail("asked twice") if name == "switch" else None
    assert deploy(deployments, name="tutor", may_switch=True).custom_model == NEW


def test_a_failed_one_is_an_error_with_the_services_reason(deployments: FakeDeployments) -> None:
    deployments.end = "Failed"
    with pytest.raises(JobFailure, match="Delete it, mend the cause"):
        deploy(deployments)


def test_an_unknown_status_is_never_success(deployments: FakeDeployments) -> None:
    deployments.end = "Dreaming"
    with pytest.raises(UnknownStatus, match="'Dreaming'"):
        deploy(deployments)


def test_a_wait_that_runs_out_is_no_success(deployments: FakeDeployments) -> None:
    deployments.seconds = 1e9
    with pytest.raises(WaitTimeout, match="still Creating after 3600 s"):
        deploy(deployments)


def test_failed_looks_do_not_end_the_wait(deployments: FakeDeployments) -> None:
    troubles = [Throttled("slow down"), ConnectionLost("gone")]

    def stumble(name: str) -> None:
        if name == "get" and troubles:
            raise troubles.pop()

    deployments.before = stumble
    assert deploy(deployments).status == "Active"


def test_a_runtime_that_does_not_know_it_yet_is_asked_again(deployments: FakeDeployments) -> None:
    runtime = FakeRuntime([ResourceNotFound("not yet"), Throttled("slow"), "4"])
    deploy(deployments, runtime)
    assert len(runtime.asked) == 3


def test_one_that_never_answers_is_an_error(deployments: FakeDeployments) -> None:
    with pytest.raises(ResourceNotFound):
        deploy(deployments, FakeRuntime([ResourceNotFound("not yet")] * 100))
    with pytest.raises(JobFailure, match="with nothing"):
        deploy(deployments, FakeRuntime([""]))


@pytest.mark.parametrize("model", ["ft:gpt-oss-20b:x", "", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova"])
def test_what_is_no_custom_model_is_refused(deployments: FakeDeployments, model: str) -> None:
    with pytest.raises(InvalidInput):
        deploy(deployments, model=model)
    assert not deployments.made


def test_deleting_waits_until_it_is_gone_and_then_takes_the_model(deployments: FakeDeployments) -> None:
    made = deploy(deployments)
    for _ in range(2):
        delete_deployment(deployments, made.model, clock=deployments.clock, custom_model=NEW)
    with pytest.raises(ResourceNotFound):
        deployments.get(made.model)
    assert deployments.deleted_models == [NEW, NEW]


def test_one_that_stays_is_a_timeout(deployments: FakeDeployments) -> None:
    made = deploy(deployments)
    deployments.seconds = 1e9
    with pytest.raises(WaitTimeout, match="still being deleted"):
        delete_deployment(deployments, made.model, clock=deployments.clock, custom_model=NEW)
    assert not deployments.deleted_models


def test_the_table_has_every_word_of_the_services_model() -> None:
    import botocore.session

    model: Any = botocore.session.get_session().get_service_model("bedrock")
    shapes = ("CustomModelDeploymentStatus", "CustomModelDeploymentUpdateStatus", "ProvisionedModelStatus")
    assert set(READINESS) == {word for shape in shapes for word in model.shape_for(shape).enum}


class HandedOver(Exception):
    pass


def test_a_wait_that_does_not_return_is_gone_on_with_later() -> None:
    clock = FakeClock()
    deployments, runtime = FakeDeployments(clock), FakeRuntime()

    def hand_over(_: Deployment) -> None:
        raise HandedOver

    policy = DeploymentPolicy(wait=hand_over)
    spec = DeploymentSpec(custom_model=NEW)
    with pytest.raises(HandedOver):
        deploy_model(deployments, runtime, spec, key=KEY, clock=clock, policy=policy)
    clock.sleep(61.0)
    assert deploy_model(deployments, runtime, spec, key=KEY, clock=clock, policy=policy).status == "Active"
    assert deployments.n_created == 1


def test_who_is_woken_at_the_deadline_gives_up_instead_of_waiting_again() -> None:
    clock = FakeClock()
    policy = DeploymentPolicy(timeout_seconds=0.0, wait=lambda _: pytest.fail("the time is up"))
    with pytest.raises(WaitTimeout):
        deploy_model(
            FakeDeployments(clock),
            FakeRuntime(),
            DeploymentSpec(custom_model=NEW),
            key=KEY,
            clock=clock,
            policy=policy,
        )
