"""The native plane's requests and replies, and our values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.core.job.job import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.job.spec import InvocationLogs, JobSpec, RftHyperparameters

WIRE_NAMES: Mapping[str, str] = {
    "n_epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "samples_per_prompt": "trainingSamplePerPrompt",
    "max_prompt_tokens": "maxPromptLength",
    "max_completion_tokens": "inferenceMaxTokens",
    "reasoning_effort": "reasoningEffort",
    "eval_interval": "evalInterval",
}
_OUR_NAMES = {wire: ours for ours, wire in WIRE_NAMES.items()}


def request_of(spec: JobSpec, *, token: str) -> dict[str, object]:
    """The parameters of ``CreateModelCustomizationJob``; RFT has no generic ``hyperParameters`` map."""
    rft = {
        "graderConfig": {"lambdaGrader": {"lambdaArn": str(spec.grader_arn)}},
        "hyperParameters": hyperparameters_of(spec.hyperparameters),
    }
    tags = [{"key": key, "value": value} for key, value in spec.tags.items()]
    request: dict[str, object] = {
        "jobName": str(spec.name),
        "customModelName": str(spec.name).replace(".", "-").replace("+", "-"),
        "roleArn": str(spec.role_arn),
        "clientRequestToken": token,
        "baseModelIdentifier": str(spec.model),
        "customizationType": "REINFORCEMENT_FINE_TUNING",
        "trainingDataConfig": _training_data(spec),
        "outputDataConfig": {"s3Uri": str(spec.output_s3_uri)},
        "customizationConfig": {"rftConfig": rft},
    }
    if spec.validation_data:
        request["validationDataConfig"] = {"validators": [{"s3Uri": str(spec.validation_data)}]}
    if tags:
        request |= {"jobTags": tags, "customModelTags": tags}
    return request


def _training_data(spec: JobSpec) -> dict[str, object]:
    logs = spec.invocation_logs
    if logs is None:
        return {"s3Uri": str(spec.training_data)}
    config: dict[str, object] = {
        "invocationLogSource": {"s3Uri": logs.s3_uri},
        "usePromptResponse": logs.use_prompt_response,
    }
    filters = _filters(logs)
    return {"invocationLogsConfig": config | ({"requestMetadataFilters": filters} if filters else {})}


def _filters(logs: InvocationLogs) -> dict[str, object]:
    """One condition stands alone, several stand in a list; the service has no nesting."""
    conditions = [{"equals": {key: value}} for key, value in logs.where.items()]
    conditions += [{"notEquals": {key: value}} for key, value in logs.where_not.items()]
    if len(conditions) < 2:
        return dict(conditions[0]) if conditions else {}
    return {"andAll" if logs.match == "all" else "orAll": conditions}


def hyperparameters_of(given: RftHyperparameters) -> dict[str, object]:
    """Numbers under the service's names; ``learning_rate_multiplier`` is Mantle's and is passed by its name."""
    return {WIRE_NAMES.get(name, name): value for name, value in given.given().items()}


def job_in(data: Mapping[str, Any]) -> Job:
    """The job in a reply of ``GetModelCustomizationJob`` or in a summary of a listing."""
    rft = (data.get("customizationConfig") or {}).get("rftConfig") or {}
    reported = rft.get("hyperParameters") or {}
    return Job(
        job_id=str(data["jobArn"]),
        status=str(data["status"]),
        model=str(data.get("baseModelArn") or ""),
        training_data=_source_in(data.get("trainingDataConfig") or {}),
        grader_arn=str(((rft.get("graderConfig") or {}).get("lambdaGrader") or {}).get("lambdaArn") or ""),
        created_at=_epoch(data.get("creationTime")) or 0.0,
        finished_at=_epoch(data.get("endTime")),
        tuned_model=str(data.get("outputModelArn") or data.get("customModelArn") or ""),
        name=str(data.get("jobName") or ""),
        token=str(data.get("clientRequestToken") or ""),
        error_message=str(data.get("failureMessage") or ""),
        hyperparameters={_OUR_NAMES.get(name, name): value for name, value in reported.items()},
    )


def output_in(data: Mapping[str, Any]) -> str:
    """Where the job's artefacts go, of a reply of ``GetModelCustomizationJob``."""
    return str((data.get("outputDataConfig") or {}).get("s3Uri") or "")


def _source_in(config: Mapping[str, Any]) -> str:
    logs = (config.get("invocationLogsConfig") or {}).get("invocationLogSource") or {}
    return str(config.get("s3Uri") or logs.get("s3Uri") or "")


def _epoch(moment: object) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None
