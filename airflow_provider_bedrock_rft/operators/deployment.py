"""Put a custom model of the native plane where it answers, and take it out of service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import TaskDeferred, conf

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.hooks.connected import CONNECTION_FIELDS
from airflow_provider_bedrock_rft.hooks.failures import failing_fast
from airflow_provider_bedrock_rft.hooks.inputs import DEPLOYMENT, MODEL, one_of, text_of, whole_number
from airflow_provider_bedrock_rft.hooks.intents import generation_of, key_of
from airflow_provider_bedrock_rft.hooks.payloads import to_xcom
from airflow_provider_bedrock_rft.operators.operator import BedrockRftOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.deployment import Deployment, DeploymentSpec
    from airflow_provider_bedrock_rft.core.steps.deployment import DeploymentPolicy
    from airflow_provider_bedrock_rft.hooks.inputs import Given, Text


class BedrockRftDeployModelOperator(BedrockRftOperator):
    """Deploy a custom model of the native plane, wait until it answers, and ask it one question.

    A retry finds the deployment that is there. Returns the payload ``rft.deployment``, whose ``model`` (its own
    ARN) is what evaluation and promotion take. A deployment takes minutes.

    Args:
        model: ARN of the custom model, or the output of ``BedrockRftCreateJobOperator``.
        deployment_name: Left out, each model has a deployment of its own, which a rollback can return to.
        kind: ``on_demand`` (paid per token), or ``provisioned`` (paid per hour from its creation until it is deleted).
        model_units: Of provisioned throughput.
        commitment: ``OneMonth`` or ``SixMonths`` of provisioned throughput; it cannot be deleted before.
        switch: A deployment of that name which answers with another model is switched to this one. Answers that
            evaluation has kept go by the deployment's ARN: do not evaluate through a deployment that is switched.
        smoke_test: Ask one question before the task succeeds.
        deferrable: Wait in the triggerer instead of holding a worker slot.
        timeout_seconds: For the deployment to answer.
        poll_interval_seconds: Pause between two looks.
        tags: Of the deployment.
        kwargs: As for every operator of this package.
    """

    template_fields = ("model", "deployment_name", "kind", "model_units", "commitment", "tags", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"model": "json", "tags": "json"}

    def __init__(
        self,
        *,
        model: Given,
        deployment_name: Text = "",
        kind: Text = "on_demand",
        model_units: int | str = 1,
        commitment: str = "",
        switch: bool = False,
        smoke_test: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        timeout_seconds: float = 3600.0,
        poll_interval_seconds: float = 15.0,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.deployment_name = deployment_name
        self.kind = kind
        self.model_units = model_units
        self.commitment = commitment
        self.switch = switch
        self.smoke_test = smoke_test
        self.deferrable = deferrable
        self.timeout_seconds = timeout_seconds
        self.poll_interval_seconds = poll_interval_seconds
        self.tags = tags

    def execute(self, context: Context) -> dict[str, object]:
        """Deploy, wait, ask."""
        return self._deploy(context, self.clock.now() + self.timeout_seconds)

    def execute_complete(self, context: Context, event: object = None, deadline_at: float = 0.0) -> dict[str, object]:  # noqa: ARG002 -- Airflow's signature
        """Go on after a deferral: the deployment is found again, and looked at."""
        return self._deploy(context, deadline_at)

    def _deploy(self, context: Context, deadline_at: float) -> dict[str, object]:
        from airflow_provider_bedrock_rft.core.steps.deployment import deploy_model

        with failing_fast():
            deployment = deploy_model(
                self.hook.deployments,
                self.hook.runtime,
                self._spec(),
                key=f"{key_of(context)}/{generation_of(context)}",
                clock=self.clock,
                policy=self._policy(deadline_at),
                tell=self.log.info,
            )
        return to_xcom(deployment)

    def _spec(self) -> DeploymentSpec:
        from airflow_provider_bedrock_rft.core.deployment import DeploymentKind, DeploymentSpec

        return DeploymentSpec(
            custom_model=text_of(self.model, "model", MODEL),
            name=text_of(self.deployment_name, "deployment_name", {}) if self.deployment_name else "",
            kind=DeploymentKind(one_of("kind", str(self.kind), "on_demand", "provisioned")),
            model_units=whole_number(self.model_units, "model_units"),
            commitment=self.commitment,
            tags=self.tags or {},
        )

    def _hand_over(self, deployment: Deployment, custom_model: str, deadline_at: float) -> NoReturn:
        from airflow_provider_bedrock_rft.triggers.readiness import BedrockRftReadinessTrigger

        trigger = BedrockRftReadinessTrigger(
            deployment=deployment.model,
            custom_model=custom_model,
            deadline_at=deadline_at,
            poll_seconds=self.poll_interval_seconds,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
        )
        kwargs = {"deadline_at": deadline_at}
        raise TaskDeferred(trigger=trigger, method_name="execute_complete", kwargs=kwargs)

    def _policy(self, deadline_at: float) -> DeploymentPolicy:
        from airflow_provider_bedrock_rft.core.steps.deployment import SMOKE_PROMPT, DeploymentPolicy

        custom_model = self._spec().custom_model

        def wait(deployment: Deployment) -> None:
            self._hand_over(deployment, custom_model, deadline_at)

        return DeploymentPolicy(
            wait=wait if self.deferrable else None,
            may_switch=self.switch,
            timeout_seconds=max(0.0, deadline_at - self.clock.now()),
            poll_seconds=self.poll_interval_seconds,
            smoke_prompt=SMOKE_PROMPT if self.smoke_test else "",
        )


class BedrockRftDeleteDeploymentOperator(BedrockRftOperator):
    """Take a deployment out of service and wait until it is gone; one that is gone already is no error.

    Args:
        deployment: ARN of the deployment, or the output of ``BedrockRftDeployModelOperator``.
        delete_custom_model: Remove the custom model as well; wants the deployment's payload, which names it.
        unless_champion_of: Pipeline whose champion is never deleted: then nothing happens.
        timeout_seconds: For the deployment to be gone.
        kwargs: As for every operator of this package.
    """

    template_fields = ("deployment", "unless_champion_of", *CONNECTION_FIELDS)
    template_fields_renderers: ClassVar[dict[str, str]] = {"deployment": "json"}

    def __init__(
        self,
        *,
        deployment: Given,
        delete_custom_model: bool = False,
        unless_champion_of: str | None = None,
        timeout_seconds: float = 1800.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.delete_custom_model = delete_custom_model
        self.unless_champion_of = unless_champion_of
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> str | None:  # noqa: ARG002 -- Airflow's signature
        """Delete it; returns its ARN, ``None`` when it was spared."""
        from airflow_provider_bedrock_rft.core.steps.deployment import DeploymentPolicy, delete_deployment

        with failing_fast():
            model = text_of(self.deployment, "deployment", DEPLOYMENT)
            if self._is_champion(model):
                self.log.info("%s is the champion of %s: it stays.", model, self.unless_champion_of)
                return None
            policy = DeploymentPolicy(timeout_seconds=self.timeout_seconds)
            custom_model = self._custom_model()
            delete_deployment(self.hook.deployments, model, custom_model=custom_model, clock=self.clock, policy=policy)
        self.log.info("Deleted %s%s.", model, f" and {custom_model}" if custom_model else "")
        return model

    def _custom_model(self) -> str:
        if not self.delete_custom_model:
            return ""
        if not isinstance(self.deployment, Mapping):
            raise InvalidInput(
                "delete_custom_model wants the payload of the deployment, which names the custom model.",
                action="Pass deployment=<task>.output.",
            )
        return text_of(self.deployment, "deployment", {"rft.deployment": "custom_model"})

    def _is_champion(self, model: str) -> bool:
        if not self.unless_champion_of:
            return False
        from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
        from airflow_provider_bedrock_rft.core.steps.promotion import champion_of

        champion = champion_of(self.hook.parameters, registry=Registry(pipeline=self.unless_champion_of))
        return champion is not None and champion.model == model
