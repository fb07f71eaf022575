"""The Amazon provider's own operators and sensors for Bedrock, unchanged, against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.airflow
CONNECTION = "native_emulator"


@pytest.fixture(autouse=True)
def _connection(native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {
        "conn_type": "aws",
        "login": "AKIALOCALEMULATOR001",
        "password": "local-emulator-secret",
        "extra": {"region_name": "us-west-2", "endpoint_url": native.emulator.url},
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))


def operator(request: dict[str, Any], **settings: Any) -> Any:
    from airflow.providers.amazon.aws.operators.bedrock import BedrockCustomizeModelOperator

    return BedrockCustomizeModelOperator(
        task_id="customize",
        aws_conn_id=CONNECTION,
        job_name=request["jobName"],
        custom_model_name=request["customModelName"],
        role_arn=request["roleArn"],
        base_model_id=request["baseModelIdentifier"],
        training_data_uri=request["trainingDataConfig"]["s3Uri"],
        output_data_uri=request["outputDataConfig"]["s3Uri"],
        hyperparameters={},
        customization_job_kwargs={name: request[name] for name in ("customizationType", "customizationConfig")},
        **settings,
    )


def test_the_providers_operator_trains_and_its_sensor_sees_it(native: Any) -> None:
    from airflow.providers.amazon.aws.sensors.bedrock import BedrockCustomizeModelCompletedSensor

    request = native.request()
    arn = operator(request, wait_for_completion=True, waiter_delay=1).execute({})
    job = native.bedrock.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], job["jobName"]) == ("Completed", request["jobName"])
    sensor = BedrockCustomizeModelCompletedSensor(task_id="wait", aws_conn_id=CONNECTION, job_name=request["jobName"])
    assert sensor.poke({})


def test_the_providers_operator_recognises_a_name_in_use(native: Any) -> None:
    request = native.request()
    first = operator(request, wait_for_completion=False).execute({})
    again = {**request, "customModelName": request["customModelName"] + "-2"}
    second = operator(again, wait_for_completion=False).execute({})
    assert second != first
    name = native.bedrock.get_model_customization_job(jobIdentifier=second)["jobName"]
    assert name.startswith(f"{request['jobName']}-")


def test_the_providers_throughput_operator_and_sensor(native: Any) -> None:
    from airflow.providers.amazon.aws.operators.bedrock import BedrockCreateProvisionedModelThroughputOperator
    from airflow.providers.amazon.aws.sensors.bedrock import BedrockProvisionModelThroughputCompletedSensor

    provision = BedrockCreateProvisionedModelThroughputOperator(
        task_id="provision",
        aws_conn_id=CONNECTION,
        model_units=1,
        provisioned_model_name="from-airflow",
        model_id="amazon.nova-2-lite-v1:0:256k",
        wait_for_completion=True,
        waiter_delay=1,
    )
    arn = provision.execute({})
    sensor = BedrockProvisionModelThroughputCompletedSensor(task_id="provisioned", aws_conn_id=CONNECTION, model_id=arn)
    assert sensor.poke({})
    native.bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)


def test_the_providers_invoke_operator() -> None:
    from airflow.providers.amazon.aws.operators.bedrock import BedrockInvokeModelOperator

    body = {"messages": [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]}
    invoke = BedrockInvokeModelOperator(
        task_id="invoke", aws_conn_id=CONNECTION, model_id="amazon.nova-2-lite-v1:0", input_data=body
    )
    assert invoke.execute({})["output"]["message"]["content"][0]["text"]
