"""The foundation models that are offered. All of them are local-sim underneath; only one can be trained here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import not_found
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_LAUNCHED_AT = 1_764_633_600
_PROFILE = re.compile(r"(?:us|eu|apac|jp|global)\.(?P<model>[a-z0-9-]+\..+)")


@dataclass(frozen=True, slots=True)
class FoundationModel:
    """A base model. ``customizations`` are those that the service's model has a word for."""

    model_id: str
    name: str
    provider: str
    customizations: tuple[str, ...] = ()
    inference: tuple[str, ...] = ("ON_DEMAND",)
    has_reinforcement: bool = False

    def arn(self, region: str) -> str:
        """Its ARN in a region."""
        return f"arn:aws:bedrock:{region}::foundation-model/{self.model_id}"

    def document(self, region: str) -> Json:
        """It as the service shows it."""
        return {
            "modelArn": self.arn(region),
            "modelId": self.model_id,
            "modelName": self.name,
            "providerName": self.provider,
            "inputModalities": ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "customizationsSupported": list(self.customizations),
            "inferenceTypesSupported": list(self.inference),
            "modelLifecycle": {"status": "ACTIVE", "startOfLifeTime": _LAUNCHED_AT},
        }


_TUNABLE = ("FINE_TUNING",)
_BOTH = ("ON_DEMAND", "PROVISIONED")
MODELS = {
    model.model_id: model
    for model in (
        FoundationModel("amazon.nova-2-lite-v1:0", "Nova 2 Lite", "Amazon", _TUNABLE, _BOTH, has_reinforcement=True),
        FoundationModel(
            "amazon.nova-2-lite-v1:0:256k", "Nova 2 Lite", "Amazon", _TUNABLE, _BOTH, has_reinforcement=True
        ),
        FoundationModel("amazon.nova-lite-v1:0", "Nova Lite", "Amazon", _TUNABLE, _BOTH),
        FoundationModel("amazon.nova-micro-v1:0", "Nova Micro", "Amazon", _TUNABLE, _BOTH),
        FoundationModel("amazon.nova-pro-v1:0", "Nova Pro", "Amazon", _TUNABLE, _BOTH),
        FoundationModel("openai.gpt-oss-120b-1:0", "gpt-oss-120b", "OpenAI"),
        FoundationModel("openai.gpt-oss-20b-1:0", "gpt-oss-20b", "OpenAI"),
        FoundationModel("qwen.qwen3-32b-v1:0", "Qwen3 32B", "Qwen"),
    )
}


def foundation_model(identifier: str) -> FoundationModel | None:
    """The base that an id, a foundation-model ARN, or a cross-region inference profile means."""
    model_id = identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier
    profile = _PROFILE.fullmatch(model_id)
    return MODELS.get(profile["model"] if profile else model_id)


class FoundationModels:
    """The catalogue."""

    @serves("ListFoundationModels", "documented", "a short catalogue; filters by provider, modality and use")
    async def list(self, call: Call) -> Json:
        """All that pass the filters."""
        shape = call.operation.output_shape.members["modelSummaries"].member
        documents = (model.document(call.region) for model in MODELS.values())
        return {"modelSummaries": [project(shape, item) for item in documents if _is_wanted(item, call.params)]}

    @serves("GetFoundationModel", "documented")
    async def get(self, call: Call) -> Json:
        """One of them."""
        model = foundation_model(call.params["modelIdentifier"])
        if model is None:
            raise not_found("foundation model", call.params["modelIdentifier"])
        shape = call.operation.output_shape.members["modelDetails"]
        return {"modelDetails": project(shape, model.document(call.region))}


def _is_wanted(document: Json, params: Json) -> bool:
    provider = str(params.get("byProvider") or document["providerName"])
    return (
        provider.lower() == document["providerName"].lower()
        and _holds(document["customizationsSupported"], params.get("byCustomizationType"))
        and _holds(document["outputModalities"], params.get("byOutputModality"))
        and _holds(document["inferenceTypesSupported"], params.get("byInferenceType"))
    )


def _holds(values: list[str], wanted: str | None) -> bool:
    return wanted is None or wanted in values
