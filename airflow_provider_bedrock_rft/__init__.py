"""Recurring reinforcement fine-tuning (RFT) on Amazon Bedrock, run from Apache Airflow.

Public names resolve on first use, so that importing this package in every DAG parse loads neither boto3 nor openai.
Type checkers read them from the stub beside this file.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

HOMES = {
    "BedrockRftAssessReadinessOperator": "operators.readiness",
    "BedrockRftBatchInferenceOperator": "operators.batch",
    "BedrockRftCancelJobOperator": "operators.cancel",
    "BedrockRftCheckDatasetOperator": "operators.dataset",
    "BedrockRftCheckpointAvailableSensor": "sensors.checkpoint",
    "BedrockRftCleanUpOperator": "operators.retention",
    "BedrockRftCompareModelsOperator": "operators.evaluation",
    "BedrockRftCreateJobOperator": "operators.job",
    "BedrockRftDeleteDeploymentOperator": "operators.deployment",
    "BedrockRftDeployGraderOperator": "operators.grader",
    "BedrockRftDeployModelOperator": "operators.deployment",
    "BedrockRftDescribeDatasetOperator": "operators.dataset_making",
    "BedrockRftEmailNotifier": "notifications.email",
    "BedrockRftEvaluateModelOperator": "operators.evaluation",
    "BedrockRftHook": "hooks.bedrock_rft",
    "BedrockRftImportInvocationLogsOperator": "operators.dataset_making",
    "BedrockRftJobCompletedSensor": "sensors.job",
    "BedrockRftPromoteModelOperator": "operators.promotion",
    "BedrockRftPromotionGateOperator": "operators.promotion",
    "BedrockRftPublishReportOperator": "operators.report",
    "BedrockRftRollbackModelOperator": "operators.promotion",
    "BedrockRftSelectCheckpointOperator": "operators.checkpoint",
    "BedrockRftSlackNotifier": "notifications.slack",
    "BedrockRftSnsNotifier": "notifications.sns",
    "BedrockRftSplitDatasetOperator": "operators.dataset",
    "BedrockRftUploadDatasetOperator": "operators.dataset",
    "BedrockRftWaitTrigger": "triggers.waiting",
    "dataset_asset": "assets",
    "job_asset": "assets",
    "model_asset": "assets",
}
"""Public name → module, below this package."""

__all__ = sorted([*HOMES, "__version__"])  # noqa: PLE0605 -- the stub beside this file has them in words


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
