"""Reading a request to create a customization job, refusing what cannot be trained, and the plan it comes to."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.book import Stage
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import new_id
from airflow_provider_bedrock_rft.emulator.training.plan import TrainingPlan

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.foundation import FoundationModel
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings

PLANE = "bedrock"
DATASETS = "native-datasets"
REINFORCEMENT = "REINFORCEMENT_FINE_TUNING"
_DEFAULTS = {"epochCount": 1, "batchSize": 128, "learningRate": 1e-5, "trainingSamplePerPrompt": 8, "evalInterval": 10}
_REFERENCE_RATE = 1e-5
_DEFAULT_TOKENS = 2048


def check(params: Json) -> None:
    """Refuse what the request alone tells cannot be carried out.

    Raises:
        BedrockError: it is not a reinforcement job with a grader and one source of training data.
    """
    if params.get("customizationType", "FINE_TUNING") != REINFORCEMENT:
        raise invalid(f"The emulator trains jobs of the customization type {REINFORCEMENT} only.")
    rft = params.get("customizationConfig", {}).get("rftConfig", {})
    if "lambdaGrader" not in rft.get("graderConfig", {}):
        raise invalid("customizationConfig.rftConfig.graderConfig.lambdaGrader is required for reinforcement jobs.")
    for name in ("maxPromptLength", "inferenceMaxTokens"):
        if rft.get("hyperParameters", {}).get(name, 1) < 1:
            raise invalid(f"customizationConfig.rftConfig.hyperParameters.{name} must be at least 1.")
    if len(params["trainingDataConfig"]) != 1:
        raise invalid("trainingDataConfig must have exactly one of s3Uri and invocationLogsConfig.")


def document_of(call: Call, base: FoundationModel, initial: Json | None, now: float) -> Json:
    """The job as it is stored. ``initial`` is the custom model to start from, if it is not the base itself."""
    params, job_id = call.params, new_id()
    kept = ("jobName", "roleArn", "clientRequestToken", "customizationType", "hyperParameters", "vpcConfig")
    return {
        **{name: params[name] for name in (*kept, "trainingDataConfig", "outputDataConfig", "customizationConfig")
           if name in params},
        "jobArn": call.arn(f"model-customization-job/{base.model_id}/{job_id}"),
        "jobId": job_id,
        "baseModelId": base.model_id,
        "baseModelArn": base.arn(call.region) if initial is None else initial["modelArn"],
        "initialWeights": "" if initial is None else initial["weights"],
        "outputModelName": params["customModelName"],
        "outputModelKmsKeyArn": _key(call, params.get("customModelKmsKeyId")),
        "customModelTags": params.get("customModelTags", []),
        "validationDataConfig": params.get("validationDataConfig", {"validators": []}),
        "status": "InProgress",
        "statusDetails": _details(now),
        "creationTime": now,
        "lastModifiedTime": now,
        "stage": Stage.PREPARING.value,
    }  # fmt: skip


def plan_of(job: Json, *, account: str, region: str, seed: int, settings: TrainingSettings) -> TrainingPlan:
    """The job in the engine's words. Learning rates are told relative to 1e-5, where the learner's own stands."""
    rft = job["customizationConfig"]["rftConfig"]
    given = {**_DEFAULTS, **rft.get("hyperParameters", {})}
    validates = bool(job["validationDataConfig"]["validators"])
    return TrainingPlan(
        job_id=job["jobId"],
        plane=PLANE,
        account=account,
        region=region,
        model=job["baseModelId"],
        function=rft["graderConfig"]["lambdaGrader"]["lambdaArn"],
        dataset=f"{DATASETS}/{job['jobId']}",
        validation=f"{DATASETS}/{job['jobId']}-validation" if validates else "",
        initial_weights=job["initialWeights"],
        n_epochs=given["epochCount"],
        batch_size=given["batchSize"],
        learning_rate_multiplier=given["learningRate"] / _REFERENCE_RATE,
        seed=seed,
        settings=replace(
            settings,
            group_size=given["trainingSamplePerPrompt"],
            checkpoint_interval=given["evalInterval"],
            max_completion_tokens=given.get("inferenceMaxTokens", _DEFAULT_TOKENS),
            holdout_fraction=0.0,
        ),
    )


def _details(now: float) -> Json:
    waiting = {"status": "NotStarted", "creationTime": now, "lastModifiedTime": now}
    return {
        "validationDetails": {**waiting, "status": "InProgress"},
        "dataProcessingDetails": waiting,
        "trainingDetails": waiting,
    }


def _key(call: Call, key: str | None) -> str | None:
    """The key's own ARN; an alias stands for a key whose id we make up, always the same."""
    if key is None or ":key/" in key:
        return key
    alias = key.rpartition(":")[2].startswith("alias/")
    key_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key)) if alias else key
    return f"arn:aws:kms:{call.region}:{call.account}:key/{key_id}"
