from airflow_provider_bedrock_rft.assets import dataset_asset, job_asset, model_asset
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.notifications.email import BedrockRftEmailNotifier
from airflow_provider_bedrock_rft.notifications.slack import BedrockRftSlackNotifier
from airflow_provider_bedrock_rft.notifications.sns import BedrockRftSnsNotifier
from airflow_provider_bedrock_rft.operators.batch import BedrockRftBatchInferenceOperator
from airflow_provider_bedrock_rft.operators.cancel import BedrockRftCancelJobOperator
from airflow_provider_bedrock_rft.operators.checkpoint import BedrockRftSelectCheckpointOperator
from airflow_provider_bedrock_rft.operators.dataset import (
    BedrockRftCheckDatasetOperator,
    BedrockRftSplitDatasetOperator,
    BedrockRftUploadDatasetOperator,
)
from airflow_provider_bedrock_rft.operators.dataset_making import (
    BedrockRftDescribeDatasetOperator,
    BedrockRftImportInvocationLogsOperator,
)
from airflow_provider_bedrock_rft.operators.deployment import (
    BedrockRftDeleteDeploymentOperator,
    BedrockRftDeployModelOperator,
)
from airflow_provider_bedrock_rft.operators.evaluation import (
    BedrockRftCompareModelsOperator,
    BedrockRftEvaluateModelOperator,
)
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.operators.promotion import (
    BedrockRftPromoteModelOperator,
    BedrockRftPromotionGateOperator,
    BedrockRftRollbackModelOperator,
)
from airflow_provider_bedrock_rft.operators.readiness import BedrockRftAssessReadinessOperator
from airflow_provider_bedrock_rft.operators.report import BedrockRftPublishReportOperator
from airflow_provider_bedrock_rft.operators.retention import BedrockRftCleanUpOperator
from airflow_provider_bedrock_rft.sensors.checkpoint import BedrockRftCheckpointAvailableSensor
from airflow_provider_bedrock_rft.sensors.job import BedrockRftJobCompletedSensor
from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger

__version__: str

__all__ = [
    "BedrockRftAssessReadinessOperator",
    "BedrockRftBatchInferenceOperator",
    "BedrockRftCancelJobOperator",
    "BedrockRftCheckDatasetOperator",
    "BedrockRftCheckpointAvailableSensor",
    "BedrockRftCleanUpOperator",
    "BedrockRftCompareModelsOperator",
    "BedrockRftCreateJobOperator",
    "BedrockRftDeleteDeploymentOperator",
    "BedrockRftDeployGraderOperator",
    "BedrockRftDeployModelOperator",
    "BedrockRftDescribeDatasetOperator",
    "BedrockRftEmailNotifier",
    "BedrockRftEvaluateModelOperator",
    "BedrockRftHook",
    "BedrockRftImportInvocationLogsOperator",
    "BedrockRftJobCompletedSensor",
    "BedrockRftPromoteModelOperator",
    "BedrockRftPromotionGateOperator",
    "BedrockRftPublishReportOperator",
    "BedrockRftRollbackModelOperator",
    "BedrockRftSelectCheckpointOperator",
    "BedrockRftSlackNotifier",
    "BedrockRftSnsNotifier",
    "BedrockRftSplitDatasetOperator",
    "BedrockRftUploadDatasetOperator",
    "BedrockRftWaitTrigger",
    "__version__",
    "dataset_asset",
    "job_asset",
    "model_asset",
]
