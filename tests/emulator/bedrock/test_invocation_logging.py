"""Invocations in CloudWatch Logs, written in the name of a role. What goes to S3 is tested with the runtime."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOVA = "amazon.nova-2-lite-v1:0"
STREAM = "aws/bedrock/modelinvocations"


@pytest.fixture
def elsewhere(native: Any) -> Iterator[Any]:
    """The configuration is one per region, and other tests have theirs in this one."""
    import boto3

    def client(service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=native.emulator.url,
            region_name="eu-west-1",
            aws_access_key_id="AKIALOCALEMULATOR001",
            aws_secret_access_key="local-emulator-secret",
        )

    yield client
    client("bedrock").delete_model_invocation_logging_configuration()


@pytest.fixture
def group(elsewhere: Any) -> str:
    name = f"/invocations/{uuid.uuid4().hex[:8]}"
    elsewhere("logs").create_log_group(logGroupName=name)
    return name


def role_for(native: Any, group: str, *actions: str, service: str = "bedrock.amazonaws.com") -> str:
    iam, name = native.emulator.aws("iam"), f"logger-{uuid.uuid4().hex[:8]}"
    assume = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [assume]})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    stream = f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}:log-stream:{STREAM}"
    rights = {"Effect": "Allow", "Action": list(actions) or ["logs:None"], "Resource": stream}
    document = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=document)
    return arn


def test_invocations_become_events_of_the_log_group(native: Any, elsewhere: Any, group: str, wait_until: Any) -> None:
    role = role_for(native, group, "logs:CreateLogStream", "logs:PutLogEvents")
    config = {"cloudWatchConfig": {"logGroupName": group, "roleArn": role}, "textDataDeliveryEnabled": True}
    bedrock = elsewhere("bedrock")
    bedrock.put_model_invocation_logging_configuration(loggingConfig=config)
    assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"] == config
    asked = [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]
    for number in range(2):
        metadata = {"number": str(number)}
        elsewhere("bedrock-runtime").converse(modelId=NOVA, messages=asked, requestMetadata=metadata)
    logs = elsewhere("logs")

    def told() -> Any:
        if not logs.describe_log_streams(logGroupName=group)["logStreams"]:
            return None
        events = logs.get_log_events(logGroupName=group, logStreamName=STREAM, startFromHead=True)["events"]
        return events if len(events) == 2 else None

    records = [json.loads(event["message"]) for event in wait_until(told)]
    assert {record["requestMetadata"]["number"] for record in records} == {"0", "1"}
    assert {(record["operation"], record["region"]) for record in records} == {("Converse", "eu-west-1")}
    assert records[0]["input"]["inputBodyJson"]["messages"] == asked


@pytest.mark.parametrize(
    ("actions", "service", "words"),
    [
        (("logs:PutLogEvents",), "bedrock.amazonaws.com", "logs:CreateLogStream"),
        (("logs:CreateLogStream",), "bedrock.amazonaws.com", "logs:PutLogEvents"),
        (("logs:*",), "lambda.amazonaws.com", "trust policy"),
    ],
)
def test_a_role_that_may_not_log_is_refused_at_once(
    native: Any, elsewhere: Any, group: str, actions: tuple[str, ...], service: str, words: str
) -> None:
    config = {"logGroupName": group, "roleArn": role_for(native, group, *actions, service=service)}
    with pytest.raises(ClientError, match="Failed to validate permissions for log group") as caught:
        elsewhere("bedrock").put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": config})
    assert words in str(caught.value)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_log_group_must_be_there(native: Any, elsewhere: Any) -> None:
    config = {"logGroupName": "/not/there", "roleArn": role_for(native, "/not/there", "logs:*")}
    with pytest.raises(ClientError, match="log group /not/there does not exist"):
        elsewhere("bedrock").put_model_invocation_logging_configuration(loggingConfig={"cloudWatchConfig": config})
