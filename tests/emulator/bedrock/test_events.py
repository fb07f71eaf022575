from __future__ import annotations

import json
import uuid
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


RECORDER = """
import json, os, boto3

def handler(event, context):
    boto3.client("s3").put_object(
        Bucket="{bucket}", Key="told/" + event["detail"]["jobStatus"] + ".json", Body=json.dumps(event).encode()
    )
"""


class Bus:
    """Rules of a test's own, and what came of them."""

    def __init__(self, native: Any) -> None:
        self.native = native
        self.made = uuid.uuid4().hex[:8]

    def rule(self, name: str, pattern: dict[str, Any], *targets: dict[str, Any], **more: Any) -> None:
        events = self.native.emulator.aws("events")
        events.put_rule(Name=f"{name}-{self.made}", EventPattern=json.dumps(pattern), **more)
        numbered = [{"Id": f"t{number}", **target} for number, target in enumerate(targets)]
        assert events.put_targets(Rule=f"{name}-{self.made}", Targets=numbered)["FailedEntryCount"] == 0

    def queue(self, name: str) -> tuple[str, str]:
        """The URL and ARN of a new queue."""
        sqs = self.native.emulator.aws("sqs")
        url = sqs.create_queue(QueueName=f"{name}-{self.made}")["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def drain(self, url: str) -> list[str]:
        sqs = self.native.emulator.aws("sqs")
        bodies = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


def test_events_reach_topics_and_really_run_functions(native: Any, finished: Any, wait_until: Any) -> None:
    bus = Bus(native)
    url, queue = bus.queue("behind-a-topic")
    sns = native.emulator.aws("sns")
    topic = sns.create_topic(Name=f"jobs-{bus.made}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    function = native.emulator.deploy(f"recorder-{bus.made}", RECORDER.replace("{bucket}", native.bucket))
    request = native.request()
    wanted = {"jobStatus": [{"anything-but": "InProgress"}], "jobName": [request["jobName"]]}
    bus.rule("mine", {"source": ["aws.bedrock"], "detail": wanted}, {"Arn": topic}, {"Arn": function})
    job = finished(native, native.bedrock.create_model_customization_job(**request)["jobArn"])
    assert job["status"] == "Completed"
    heard: list[Any] = []
    wait_until(lambda: heard.extend(bus.drain(url)) or heard)
    assert len(heard) == 1, "a rule lets through what its pattern matches, and nothing else"
    notification = json.loads(heard[0])
    assert (notification["Type"], notification["TopicArn"]) == ("Notification", topic)
    told = json.loads(notification["Message"])
    assert (told["detail"]["jobArn"], told["detail"]["jobStatus"]) == (job["jobArn"], "Completed")
    assert (told["account"], told["version"]) == ("123456789012", "0")

    def recorded() -> Any:
        listed = native.emulator.aws("s3").list_objects_v2(Bucket=native.bucket, Prefix="told/").get("Contents", [])
        return [item["Key"] for item in listed]

    assert wait_until(recorded) == ["told/Completed.json"]
    assert json.loads(native.read("told/Completed.json")) == told


def test_patterns_inputs_and_switched_off_rules_are_heeded(native: Any) -> None:
    bus = Bus(native)
    event = {"Source": f"mine.{bus.made}", "DetailType": "Something", "Detail": json.dumps({"name": "a-1", "n": 7})}
    source = {"source": [event["Source"]]}
    yes = {
        "prefix": {**source, "detail": {"name": [{"prefix": "a-"}]}},
        "number": {**source, "detail": {"n": [{"numeric": [">", 5, "<=", 7]}]}},
        "exists": {**source, "detail": {"absent": [{"exists": False}]}},
    }
    no = {
        "type": {**source, "detail-type": ["Another"]},
        "small": {**source, "detail": {"n": [{"numeric": ["<", 5]}]}},
    }
    urls = {}
    for name, pattern in {**yes, **no}.items():
        urls[name], queue = bus.queue(name)
        bus.rule(name, pattern, {"Arn": queue})
    urls["off"], queue = bus.queue("off")
    bus.rule("off", source, {"Arn": queue}, State="DISABLED")
    inputs = {
        "input": {"Input": '{"fixed": 1}'},
        "path": {"InputPath": "$.detail"},
        "template": {"InputTransformer": {"InputPathsMap": {"who": "$.detail.name"}, "InputTemplate": '"It is <who>"'}},
    }
    for name, target in inputs.items():
        urls[name], queue = bus.queue(name)
        bus.rule(name, source, {"Arn": queue, **target})
    native.emulator.aws("events").put_events(Entries=[event])
    heard = {name: bus.drain(url) for name, url in urls.items()}
    assert {name: len(heard[name]) for name in (*yes, *no, "off")} == {
        **dict.fromkeys(yes, 1),
        **dict.fromkeys([*no, "off"], 0),
    }
    assert (heard["input"], heard["path"]) == (['{"fixed": 1}'], [event["Detail"]])
    assert heard["template"] == ["It is a-1"]


def test_a_target_that_is_gone_takes_nothing_from_the_others(native: Any) -> None:
    bus = Bus(native)
    url, queue = bus.queue("there")
    gone = "arn:aws:{}:us-west-2:123456789012:" + f"gone-{bus.made}"
    targets = [{"Arn": gone.format("sqs")}, {"Arn": gone.format("sns")}]
    targets.append({"Arn": f"arn:aws:lambda:us-west-2:123456789012:function:gone-{bus.made}"})
    bus.rule("some", {"source": [f"mine.{bus.made}"]}, *targets, {"Arn": queue})
    event = {"Source": f"mine.{bus.made}", "DetailType": "x", "Detail": "{}"}
    assert native.emulator.aws("events").put_events(Entries=[event])["FailedEntryCount"] == 0
    assert len(bus.drain(url)) == 1


def test_batch_inference_tells_of_its_states(native: Any, wait_until: Any) -> None:
    bus = Bus(native)
    url, queue = bus.queue("batches")
    name = f"told-{bus.made}"
    pattern = {"detail-type": ["Batch Inference Job State Change"], "detail": {"batchJobName": [name]}}
    bus.rule("batch", pattern, {"Arn": queue})
    ask = {"messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}]}
    source = native.put(f"{name}/in/records.jsonl", json.dumps({"modelInput": ask}).encode())
    arn = native.bedrock.create_model_invocation_job(
        jobName=name,
        roleArn=native.role,
        modelId="amazon.nova-2-lite-v1:0",
        modelInvocationType="Converse",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": source}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{native.bucket}/{name}/out/"}},
    )["jobArn"]
    heard: list[Any] = []
    wait_until(lambda: heard.extend(map(json.loads, bus.drain(url))) or len(heard) == 3)
    assert sorted(event["detail"]["status"] for event in heard) == ["Completed", "InProgress", "Submitted"]
    assert {event["detail"]["batchJobArn"] for event in heard} == {arn}
