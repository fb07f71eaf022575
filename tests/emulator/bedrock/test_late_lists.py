"""Listings that are late, for every kind of resource but jobs of customization; retrievals are not."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def names(page: dict[str, Any], member: str, name: str) -> set[str]:
    return {item[name] for item in page.get(member, [])}


def test_what_is_new_is_not_in_a_late_listing(native: Any, order: Callable[..., str]) -> None:
    bedrock, name = native.bedrock, f"late-{uuid.uuid4().hex[:8]}"
    source = native.put(f"{name}.jsonl", json.dumps({"prompt": "2 + 2?", "referenceResponse": "4"}).encode())
    bedrock.create_custom_model(modelName=name, modelSourceConfig={"s3DataSource": {"s3Uri": source}})
    bedrock.create_provisioned_model_throughput(
        modelUnits=1, provisionedModelName=name, modelId="amazon.nova-2-lite-v1:0"
    )
    bedrock.create_model_invocation_job(
        jobName=name,
        roleArn=native.role,
        modelId="amazon.nova-2-lite-v1:0",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": source}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{native.bucket}/{name}/"}},
    )
    dataset = {"name": "d", "datasetLocation": {"s3Uri": source}}
    metrics = {"taskType": "Generation", "dataset": dataset, "metricNames": ["Builtin.Accuracy"]}
    bedrock.create_evaluation_job(
        jobName=name,
        roleArn=native.role,
        evaluationConfig={"automated": {"datasetMetricConfigs": [metrics]}},
        inferenceConfig={"models": [{"precomputedInferenceSource": {"inferenceSourceIdentifier": "s"}}]},
        outputDataConfig={"s3Uri": f"s3://{native.bucket}/{name}/"},
    )
    listings = {
        "/custom-models$": (bedrock.list_custom_models, "modelSummaries", "modelName"),
        "/provisioned-model-throughputs$": (
            bedrock.list_provisioned_model_throughputs,
            "provisionedModelSummaries",
            "provisionedModelName",
        ),
        "/model-invocation-jobs$": (bedrock.list_model_invocation_jobs, "invocationJobSummaries", "jobName"),
        "/evaluation-jobs$": (bedrock.list_evaluation_jobs, "jobSummaries", "jobName"),
    }
    for path, (ask, member, field) in listings.items():
        order(path=path, method="GET", stale_seconds=3_600, times=1)
        assert name not in names(ask(nameContains=name), member, field)
        assert names(ask(nameContains=name), member, field) == {name}
    assert bedrock.get_custom_model(modelIdentifier=name)["modelName"] == name
