"""A custom model of the native plane where it answers: deployed on demand, or on provisioned throughput."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from airflow_provider_bedrock_rft.core.codec import payload
from airflow_provider_bedrock_rft.core.errors import UnknownStatus

if TYPE_CHECKING:
    from collections.abc import Iterator


class DeploymentKind(str, Enum):
    """How a custom model is served and paid for: per token, or per hour and model unit."""

    ON_DEMAND = "on_demand"
    PROVISIONED = "provisioned"


class Readiness(str, Enum):
    """What a deployment's status means."""

    READY = "ready"
    UNDER_WAY = "under_way"
    FAILED = "failed"


READINESS: Mapping[str, Readiness] = {
    # botocore bedrock CustomModelDeploymentStatus
    "Creating": Readiness.UNDER_WAY,
    "Active": Readiness.READY,
    "Failed": Readiness.FAILED,
    # botocore bedrock ProvisionedModelStatus, where it differs
    "InService": Readiness.READY,
    "Updating": Readiness.UNDER_WAY,
    # botocore bedrock CustomModelDeploymentUpdateStatus
    "UpdateCompleted": Readiness.READY,
    "UpdateFailed": Readiness.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """What is to be deployed.

    Attributes:
        custom_model: ARN of the custom model.
        name: Of the deployment; empty names it after the model.
        kind: On demand unless said otherwise; models with all weights trained need provisioned throughput.
        model_units: Of provisioned throughput.
        commitment: ``OneMonth`` or ``SixMonths`` of provisioned throughput; empty is by the hour.
        description: Free text, on demand only.
        tags: Of the deployment.
    """

    custom_model: str
    name: str = ""
    kind: DeploymentKind = DeploymentKind.ON_DEMAND
    model_units: int = 1
    commitment: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def deployment_name(self) -> str:
        """The given name, or one that only this model has."""
        return self.name or own_name_of(self.custom_model)

    def token(self, *, key: str) -> str:
        """The idempotency token of one request, of whoever has ``key``; the same in every process."""
        text = f"{key}\n{self.kind.value}\n{self.deployment_name}\n{self.custom_model}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def own_name_of(custom_model: str) -> str:
    """What a deployment is called that was given no name."""
    return f"rft-{custom_model.rpartition('/')[2]}"


@payload("rft.deployment")
@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed custom model.

    Attributes:
        model: ARN of the deployment: what the runtime is asked with.
        name: Of the deployment.
        serving: How it is served.
        custom_model: ARN of the custom model that answers now.
        status: The service's own word.
        created_at: Epoch seconds, UTC.
        next_model: ARN of the custom model that it is being switched to, or was to be; empty otherwise.
        switch_status: The service's own word about the switch; empty when there was none.
        failure: The service's sentence, empty when nothing failed.
    """

    model: str
    name: str
    serving: DeploymentKind
    custom_model: str
    status: str
    created_at: float
    next_model: str = ""
    switch_status: str = ""
    failure: str = ""

    def readiness_for(self, custom_model: str) -> Readiness:
        """Whether it answers with that custom model.

        Raises:
            UnknownStatus: The service used a word that is not in the table.
        """
        status = _readiness(self.status)
        if status is not Readiness.READY:
            return status
        if self.custom_model == custom_model and not self._is_leaving(custom_model):
            return Readiness.READY
        is_refused = self.next_model == custom_model and _readiness(self.switch_status) is Readiness.FAILED
        return Readiness.FAILED if is_refused else Readiness.UNDER_WAY

    def serves_or_will_serve(self, custom_model: str) -> bool:
        """True when nothing needs to be asked of it to have it answer with that custom model."""
        if self._is_switching:
            return self.next_model == custom_model
        return self.custom_model == custom_model

    @property
    def _is_switching(self) -> bool:
        return bool(self.switch_status) and _readiness(self.switch_status) is Readiness.UNDER_WAY

    def _is_leaving(self, custom_model: str) -> bool:
        return self._is_switching and self.next_model != custom_model


class DeploymentService(Protocol):
    """The port: where custom models of the native plane are made to answer; like those of :mod:`core.ports`."""

    def find(self, name: str, *, kind: DeploymentKind) -> Deployment | None:
        """The deployment of that kind and name, ``None`` when there is none."""
        ...

    def get(self, model: str) -> Deployment:
        """The deployment with this ARN."""
        ...

    def list(self) -> Iterator[Deployment]:
        """Every deployment of either kind, in no promised order."""
        ...

    def create(self, spec: DeploymentSpec, *, token: str) -> Deployment:
        """Ask for a deployment; the same token never makes a second one. ``ResourceConflict``: the name is taken."""
        ...

    def switch(self, model: str, *, custom_model: str) -> None:
        """Have the deployment with this ARN answer with another custom model."""
        ...

    def delete(self, model: str) -> None:
        """Remove the deployment with this ARN, not its custom model; one that is gone already is no error."""
        ...

    def delete_custom_model(self, custom_model: str) -> None:
        """Remove a custom model; ``ResourceConflict`` while it is deployed. One that is gone already is no error."""
        ...


def _readiness(status: str) -> Readiness:
    try:
        return READINESS[status]
    except KeyError:
        raise UnknownStatus(
            f"The service reports the deployment status {status!r}, which this version does not know.",
            action="Look at the deployment in the console, and upgrade airflow-provider-bedrock-rft.",
            status=status,
        ) from None
