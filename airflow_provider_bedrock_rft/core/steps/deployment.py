"""Make a custom model answer, and take it out of service. Every call may be the last before the worker dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Deadline
from airflow_provider_bedrock_rft.core.deployment import Deployment, Readiness
from airflow_provider_bedrock_rft.core.errors import (
    InvalidInput,
    JobFailure,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    TransientServiceError,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.identifiers import Arn
from airflow_provider_bedrock_rft.core.ports import CompletionRequest, Message

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.deployment import DeploymentService, DeploymentSpec
    from airflow_provider_bedrock_rft.core.ports import Completion, ModelRuntime

SMOKE_PROMPT = "Answer with the number only: what is 2 + 2?"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPolicy:
    """How a deployment may go.

    Attributes:
        may_switch: A deployment of this name that answers with another model is switched to the new one.
        timeout_seconds: How long it may take until it answers.
        poll_seconds: Pause between two looks.
        settle_seconds: How long an active deployment may still refuse the first question.
        smoke_prompt: The question that it must answer with some text; empty asks nothing.
        wait: Waits for a deployment instead of sleeping; it may not return: whoever deploys again goes on from there.
    """

    may_switch: bool = False
    timeout_seconds: float = 3600.0
    poll_seconds: float = 15.0
    settle_seconds: float = 120.0
    smoke_prompt: str = SMOKE_PROMPT
    wait: Callable[[Deployment], None] | None = None


_DEFAULT = DeploymentPolicy()


def deploy_model(
    deployments: DeploymentService,
    runtime: ModelRuntime,
    spec: DeploymentSpec,
    *,
    key: str,
    clock: Clock,
    policy: DeploymentPolicy = _DEFAULT,
    tell: Callable[[str], None] = lambda _line: None,
) -> Deployment:
    """The deployment of that name, answering with that custom model; made or switched where need be.

    May be killed at any line and called again with the same ``key``: a deployment that is there is never made twice.

    Raises:
        InvalidInput: The model is no ARN.
        ResourceConflict: The name belongs to a deployment of another model, which may not be switched.
        JobFailure: The service could not deploy the model, or it answers nothing.
        WaitTimeout: It took longer than ``policy.timeout_seconds``; the deployment is still being made.
    """
    _check_model(spec.custom_model)
    deadline = Deadline.after(clock, policy.timeout_seconds)
    found = _obtain(deployments, spec, key, policy, tell)
    ready = _wait_until_ready(deployments, found, spec, clock, deadline, policy, tell)
    if policy.smoke_prompt:
        reply = _ask(runtime, ready.model, clock, policy)
        tell(f"Smoke test: {ready.model} answered in {reply.latency_ms:.0f} ms: {reply.text[:80]!r}.")
    return ready


def delete_deployment(
    deployments: DeploymentService,
    model: str,
    *,
    clock: Clock,
    custom_model: str = "",
    policy: DeploymentPolicy = _DEFAULT,
) -> None:
    """Take a deployment out of service, wait until it is gone, then remove ``custom_model`` where one is given.

    Raises:
        ResourceConflict: The service refuses, for a commitment say, or the custom model is deployed elsewhere too.
        WaitTimeout: It took longer than ``policy.timeout_seconds``.
    """
    deadline = Deadline.after(clock, policy.timeout_seconds)
    deployments.delete(model)
    while _exists(deployments, model):
        _pause(clock, deadline, policy, f"The deployment {model} is still being deleted")
    if custom_model:
        deployments.delete_custom_model(custom_model)


def _exists(deployments: DeploymentService, model: str) -> bool:
    try:
        deployments.get(model)
    except ResourceNotFound:
        return False
    except TransientServiceError:
        return True  # not known now; the deadline decides
    return True


def _check_model(custom_model: str) -> None:
    if ":custom-model/" not in Arn.parse(custom_model):
        raise InvalidInput(
            f"{custom_model} is not a custom model's ARN, so it cannot be deployed.",
            action="Deploy the tuned model of a native job; Mantle's tuned models answer without a deployment.",
        )


def _obtain(
    deployments: DeploymentService,
    spec: DeploymentSpec,
    key: str,
    policy: DeploymentPolicy,
    tell: Callable[[str], None],
) -> Deployment:
    """The deployment of the name, asked to answer with the model."""
    found = deployments.find(spec.deployment_name, kind=spec.kind)
    if found is None:
        made = _create(deployments, spec, key)
        tell(f"Deploying {spec.custom_model} as {made.model}.")
        return made
    if found.serves_or_will_serve(spec.custom_model):
        tell(f"{found.model} is there already, {found.status}.")
        return found
    if not policy.may_switch:
        raise ResourceConflict(
            f"The deployment {found.name} answers with {found.custom_model}, not with {spec.custom_model}.",
            action="Leave the name out, so that each model has a deployment of its own, or allow the switch.",
            deployment=found.model,
        )
    deployments.switch(found.model, custom_model=spec.custom_model)
    tell(f"Switching {found.model} from {found.custom_model} to {spec.custom_model}.")
    return deployments.get(found.model)


def _create(deployments: DeploymentService, spec: DeploymentSpec, key: str) -> Deployment:
    """Create it; a name that was taken in between, by our own lost request say, gives what has it."""
    try:
        return deployments.create(spec, token=spec.token(key=key))
    except (ResourceConflict, RequestRejected):
        found = deployments.find(spec.deployment_name, kind=spec.kind)
        if found is None or not found.serves_or_will_serve(spec.custom_model):
            raise
        return found


def _wait_until_ready(
    deployments: DeploymentService,
    deployment: Deployment,
    spec: DeploymentSpec,
    clock: Clock,
    deadline: Deadline,
    policy: DeploymentPolicy,
    tell: Callable[[str], None],
) -> Deployment:
    status = deployment.status
    while (readiness := deployment.readiness_for(spec.custom_model)) is Readiness.UNDER_WAY:
        if policy.wait and not deadline.has_passed(clock):
            policy.wait(deployment)
        _pause(clock, deadline, policy, f"The deployment {deployment.model} is still {deployment.status}")
        deployment = _looked_at(deployments, deployment)
        if deployment.status != status:
            status = deployment.status
            tell(f"{deployment.model} is {status}.")
    if readiness is Readiness.FAILED:
        raise JobFailure(
            f"The deployment {deployment.model} failed: {deployment.failure or 'the service gives no reason'}.",
            action="Delete it, mend the cause, and run the task again.",
            deployment=deployment.model,
        )
    return deployment


def _looked_at(deployments: DeploymentService, last: Deployment) -> Deployment:
    try:
        return deployments.get(last.model)
    except TransientServiceError:
        return last


def _ask(runtime: ModelRuntime, model: str, clock: Clock, policy: DeploymentPolicy) -> Completion:
    """One question; a runtime that does not know the deployment yet is asked again for a while."""
    question = CompletionRequest(
        model=model, messages=(Message(role="user", content=policy.smoke_prompt),), max_tokens=256
    )
    deadline = Deadline.after(clock, policy.settle_seconds)
    while True:
        try:
            reply = runtime.complete(question)
            break
        except (ResourceNotFound, RequestRejected, TransientServiceError):
            if deadline.has_passed(clock):
                raise
            clock.sleep(policy.poll_seconds)
    if not (reply.text or reply.reasoning):
        raise JobFailure(
            f"{model} answered the smoke test with nothing (finish reason {reply.finish_reason!r}).",
            action="Ask it in the console; a model that answers nothing cannot be evaluated.",
        )
    return reply


def _pause(clock: Clock, deadline: Deadline, policy: DeploymentPolicy, what: str) -> None:
    if deadline.has_passed(clock):
        raise WaitTimeout(
            f"{what} after {policy.timeout_seconds:.0f} s.", action="Run the task again: it goes on waiting."
        )
    clock.sleep(min(policy.poll_seconds, max(0.0, deadline.remaining(clock))))
