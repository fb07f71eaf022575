"""Custom model deployments and provisioned throughput over boto3 bedrock: one port, two ways to be served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.service_limits import violations
from airflow_provider_bedrock_rft.clients.translate import reading, translated
from airflow_provider_bedrock_rft.core.deployment import Deployment, DeploymentKind, DeploymentSpec
from airflow_provider_bedrock_rft.core.errors import InvalidInput, ResourceNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_PROVISIONED = ":provisioned-model/"


class BedrockDeployments:
    """Serves custom models: a :class:`~airflow_provider_bedrock_rft.core.deployment.DeploymentService`."""

    def __init__(self, bedrock: Any) -> None:  # noqa: ANN401 - boto3's client
        self._bedrock = bedrock

    def find(self, name: str, *, kind: DeploymentKind) -> Deployment | None:
        """The deployment of that kind and name."""
        try:
            return self._described(name, is_provisioned=kind is DeploymentKind.PROVISIONED)
        except ResourceNotFound:
            return None

    def get(self, model: str) -> Deployment:
        """The deployment with this ARN."""
        return self._described(model, is_provisioned=_PROVISIONED in model)

    def list(self) -> Iterator[Deployment]:
        """Every deployment of either kind."""
        with reading("List deployments"):
            for page in self._bedrock.get_paginator("list_custom_model_deployments").paginate():
                for one in page["modelDeploymentSummaries"]:
                    yield self._described(str(one["customModelDeploymentArn"]), is_provisioned=False)
            for page in self._bedrock.get_paginator("list_provisioned_model_throughputs").paginate():
                for one in page["provisionedModelSummaries"]:
                    yield self._described(str(one["provisionedModelArn"]), is_provisioned=True)

    def create(self, spec: DeploymentSpec, *, token: str) -> Deployment:
        """Ask for a deployment.

        Raises:
            InvalidInput: The service's model refuses a field; nothing was sent.
        """
        if spec.kind is DeploymentKind.PROVISIONED:
            request = _provisioned_request(spec, token)
            self._check("CreateProvisionedModelThroughput", request)
            with reading(f"Create provisioned throughput {spec.deployment_name}"):
                return self.get(self._bedrock.create_provisioned_model_throughput(**request)["provisionedModelArn"])
        request = _on_demand_request(spec, token)
        self._check("CreateCustomModelDeployment", request)
        with reading(f"Deploy {spec.deployment_name}"):
            return self.get(self._bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"])

    def switch(self, model: str, *, custom_model: str) -> None:
        """Have it answer with another custom model."""
        with translated(f"Switch {model} to {custom_model}"):
            if _PROVISIONED in model:
                self._bedrock.update_provisioned_model_throughput(provisionedModelId=model, desiredModelId=custom_model)
            else:
                self._bedrock.update_custom_model_deployment(
                    customModelDeploymentIdentifier=model, modelArn=custom_model
                )

    def delete(self, model: str) -> None:
        """Remove it; one that is gone already is no error."""
        try:
            with translated(f"Delete the deployment {model}"):
                if _PROVISIONED in model:
                    self._bedrock.delete_provisioned_model_throughput(provisionedModelId=model)
                else:
                    self._bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=model)
        except ResourceNotFound:
            return

    def delete_custom_model(self, custom_model: str) -> None:
        """Remove a custom model; one that is gone already is no error."""
        try:
            with translated(f"Delete the custom model {custom_model}"):
                self._bedrock.delete_custom_model(modelIdentifier=custom_model)
        except ResourceNotFound:
            return

    def _described(self, identifier: str, *, is_provisioned: bool) -> Deployment:
        with reading(f"Get the deployment {identifier}"):
            if is_provisioned:
                return _provisioned_in(self._bedrock.get_provisioned_model_throughput(provisionedModelId=identifier))
            got = self._bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=identifier)
            return _on_demand_in(got)

    def _check(self, operation: str, request: Mapping[str, object]) -> None:
        shape = self._bedrock.meta.service_model.operation_model(operation).input_shape
        refused = "; ".join(violations(shape, request))
        if refused:
            raise InvalidInput(
                f"Bedrock would refuse this deployment: {refused}.", action="Correct what is named here."
            )


def _on_demand_request(spec: DeploymentSpec, token: str) -> dict[str, object]:
    request: dict[str, object] = {
        "modelDeploymentName": spec.deployment_name,
        "modelArn": spec.custom_model,
        "clientRequestToken": token,
    }
    return request | ({"description": spec.description} if spec.description else {}) | _tags(spec)


def _provisioned_request(spec: DeploymentSpec, token: str) -> dict[str, object]:
    request: dict[str, object] = {
        "provisionedModelName": spec.deployment_name,
        "modelId": spec.custom_model,
        "modelUnits": spec.model_units,
        "clientRequestToken": token,
    }
    return request | ({"commitmentDuration": spec.commitment} if spec.commitment else {}) | _tags(spec)


def _tags(spec: DeploymentSpec) -> dict[str, object]:
    tags = [{"key": key, "value": value} for key, value in spec.tags.items()]
    return {"tags": tags} if tags else {}


def _on_demand_in(data: Mapping[str, Any]) -> Deployment:
    switch = data.get("updateDetails") or {}
    return Deployment(
        model=str(data["customModelDeploymentArn"]),
        name=str(data["modelDeploymentName"]),
        serving=DeploymentKind.ON_DEMAND,
        custom_model=str(data["modelArn"]),
        status=str(data["status"]),
        created_at=_epoch(data["createdAt"]),
        next_model=str(switch.get("modelArn") or ""),
        switch_status=str(switch.get("updateStatus") or ""),
        failure=str(data.get("failureMessage") or ""),
    )


def _provisioned_in(data: Mapping[str, Any]) -> Deployment:
    serving, desired = str(data["modelArn"]), str(data.get("desiredModelArn") or "")
    is_switching = data["status"] == "Updating" and desired not in {"", serving}
    return Deployment(
        model=str(data["provisionedModelArn"]),
        name=str(data["provisionedModelName"]),
        serving=DeploymentKind.PROVISIONED,
        custom_model=serving,
        status=str(data["status"]),
        created_at=_epoch(data["creationTime"]),
        next_model=desired if is_switching else "",
        switch_status="Updating" if is_switching else "",
        failure=str(data.get("failureMessage") or ""),
    )


def _epoch(moment: datetime) -> float:
    return moment.timestamp()
