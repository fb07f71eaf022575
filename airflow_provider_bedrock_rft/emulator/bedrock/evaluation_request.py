"""What a request for an evaluation must hold beyond its shape, and what is kept of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.evaluation_metrics import Judge, Metric, metrics_of
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import foundation_model
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import new_id
from airflow_provider_bedrock_rft.emulator.mantle.models import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completions
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_KEPT = (
    "jobName",
    "jobDescription",
    "roleArn",
    "customerEncryptionKeyId",
    "evaluationConfig",
    "inferenceConfig",
    "outputDataConfig",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Whose responses are scored: a source in the dataset, or a model to be asked (``policy``)."""

    name: str
    arn: str = ""
    policy: Policy | None = None


def check(call: Call, completions: Completions) -> None:
    """Refuse what the service refuses at once.

    Raises:
        BedrockError: a model, a metric or a dataset is not there, or two things exclude each other.
    """
    params = call.params
    datasets = params["evaluationConfig"]["automated"]["datasetMetricConfigs"]
    names = [dataset["dataset"]["name"] for dataset in datasets]
    if len(set(names)) < len(names):
        raise invalid("Each dataset of the evaluation must have another name.")
    for dataset in datasets:
        if "datasetLocation" not in dataset["dataset"]:
            raise invalid(
                f"The dataset {dataset['dataset']['name']} has no datasetLocation; built-in ones are not here."
            )
        metrics = dataset["metricNames"]
        if len(set(metrics)) < len(metrics):
            raise invalid(f"A metric is named twice for the dataset {dataset['dataset']['name']}.")
    responders = responders_of(call.owner, params, completions)
    judged = judges_of(call.owner, params, completions)
    kinds = {responder.policy is None for responder in responders}
    if len(kinds) > 1:
        raise invalid("A job has either precomputed responses or models that are invoked, not both.")
    if len(responders) > 1 and any(metric.judge is not None for metrics in judged for metric in metrics):
        raise invalid("With a judge, one model or inference source is evaluated per job.")
    if len({responder.name for responder in responders}) < len(responders):
        raise invalid("An inference source is named twice.")


def responders_of(owner: str, params: Json, completions: Completions) -> list[Responder]:
    """Whose responses are scored.

    Raises:
        BedrockError: a model is not there.
    """
    return [_responder(owner, model, completions) for model in params["inferenceConfig"]["models"]]


def judges_of(owner: str, params: Json, completions: Completions) -> list[list[Metric]]:
    """The metrics of each dataset, with the judges that they need.

    Raises:
        BedrockError: a metric or a judge is not there.
    """
    config = params["evaluationConfig"]["automated"]
    judge = _judge(owner, config.get("evaluatorModelConfig"), completions)
    custom = _judge(owner, config.get("customMetricConfig", {}).get("evaluatorModelConfig"), completions)
    return [metrics_of(config, dataset, judge, custom) for dataset in config["datasetMetricConfigs"]]


def document_of(call: Call, now: float) -> Json:
    """A new job."""
    params = call.params
    return {
        **{name: params[name] for name in _KEPT if name in params},
        "jobArn": call.arn(f"evaluation-job/{new_id()}"),
        "uuid": str(uuid.uuid4()),
        "status": "InProgress",
        "jobType": "Automated",
        "applicationType": params.get("applicationType", "ModelEvaluation"),
        "creationTime": now,
        "lastModifiedTime": now,
    }


def summary_of(job: Json) -> Json:
    """A job as listings show it."""
    config = job["evaluationConfig"]["automated"]
    models = job["inferenceConfig"]["models"]
    invoked = [model["bedrockModel"]["modelIdentifier"] for model in models if "bedrockModel" in model]
    sources = [
        model["precomputedInferenceSource"]["inferenceSourceIdentifier"]
        for model in models
        if "precomputedInferenceSource" in model
    ]
    return {
        **job,
        "evaluationTaskTypes": sorted({dataset["taskType"] for dataset in config["datasetMetricConfigs"]}),
        "modelIdentifiers": invoked,
        "evaluatorModelIdentifiers": _identifiers(config.get("evaluatorModelConfig")),
        "customMetricsEvaluatorModelIdentifiers": _identifiers(
            config.get("customMetricConfig", {}).get("evaluatorModelConfig")
        ),
        "inferenceConfigSummary": {
            "modelConfigSummary": {
                "bedrockModelIdentifiers": invoked,
                "precomputedInferenceSourceIdentifiers": sources,
            }
        },
    }


def _responder(owner: str, model: Json, completions: Completions) -> Responder:
    if "precomputedInferenceSource" in model:
        return Responder(name=model["precomputedInferenceSource"]["inferenceSourceIdentifier"])
    identifier = model["bedrockModel"]["modelIdentifier"]
    policy = completions.policy(owner, identifier)
    return Responder(name=identifier, arn=_arn(owner, identifier), policy=policy)


def _judge(owner: str, config: Json | None, completions: Completions) -> Judge | None:
    identifiers = _identifiers(config)
    if not identifiers:
        return None
    return Judge(policy=completions.policy(owner, identifiers[0]), arn=_arn(owner, identifiers[0]))


def _identifiers(config: Json | None) -> Sequence[str]:
    return [model["modelIdentifier"] for model in (config or {}).get("bedrockEvaluatorModels", ())]


def _arn(owner: str, identifier: str) -> str:
    base = None if identifier.startswith("arn:") else foundation_model(identifier)
    return identifier if base is None else base.arn(owner.partition("/")[2])
