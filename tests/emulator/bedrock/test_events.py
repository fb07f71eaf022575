from __future__ import annotations

import json
from typing import Any


def test_state_changes_come_through_the_event_bus(native: Any, finished: Any, wait_until: Any) -> None:
    sqs, events = native.emulator.aws("sqs"), native.emulator.aws("events")
    queue = sqs.create_queue(QueueName="state-changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.bedrock"], "detail-type": ["Model Customization Job State Change"]}
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": arn}])
    job = finished(native, native.bedrock.create_model_customization_job(**native.request())["jobArn"])
    seen: list[Any] = []

    def told() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if event["detail"]["jobArn"] == job["jobArn"]:
                seen.append(event)
        return bool(seen) and seen[-1]["detail"]["jobStatus"] == "Completed"

    wait_until(told)
    assert [event["detail"]["jobStatus"] for event in seen] == ["InProgress", "Completed"]
    last = seen[-1]
    assert (last["source"], last["resources"], last["region"]) == ("aws.bedrock", [job["jobArn"]], "us-west-2")
    assert last["detail"]["outputModelArn"] == job["outputModelArn"]
    assert last["detail"]["trainingDataConfig"] == job["trainingDataConfig"]
