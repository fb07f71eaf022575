"""What was acknowledged is there after a SIGKILL, with the same ids; what was deleted takes no room."""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Served

    Zip = Callable[[Mapping[str, str]], bytes]


def journal(plane: Served) -> list[tuple[str, str]]:
    with sqlite3.connect(plane.root / "aws" / "journal.sqlite") as database:
        return database.execute("SELECT operation, key FROM writes ORDER BY seq").fetchall()


def bodies(plane: Served) -> int:
    return len(list((plane.root / "aws" / "bodies").iterdir()))


def bucket(plane: Served, name: str = "kept") -> Any:
    s3 = plane.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return s3


def test_every_kind_of_resource_comes_back_as_it_was(own_plane: Served, zipped: Zip) -> None:
    def state() -> dict[str, Any]:
        s3, iam, ssm, functions = (own_plane.client(name) for name in ("s3", "iam", "ssm", "lambda"))
        seen = {
            "object": s3.head_object(Bucket="kept", Key="large"),
            "versions": s3.list_object_versions(Bucket="old", Prefix="k").get("Versions"),
            "role": iam.get_role(RoleName="grader")["Role"],
            "attached": iam.list_attached_role_policies(RoleName="grader")["AttachedPolicies"],
            "keys": iam.list_access_keys(UserName="u")["AccessKeyMetadata"],
            "parameter": ssm.get_parameter_history(Name="/rft/champion")["Parameters"],
            "function": functions.get_function(FunctionName="g", Qualifier="1")["Configuration"],
            "alias": functions.get_alias(FunctionName="g", Name="live"),
            "topics": own_plane.client("sns").list_topics()["Topics"],
            "alarms": own_plane.client("cloudwatch").describe_alarms()["MetricAlarms"],
            "rules": own_plane.client("events").list_rules()["Rules"],
        }
        return json.loads(json.dumps(seen, default=str), object_hook=_without_metadata)

    s3 = bucket(own_plane)
    s3.put_object(Bucket="kept", Key="large", Body=b"2" * 1_000_000, Metadata={"a_b": "c"}, Tagging="k=v")
    bucket(own_plane, "old").put_bucket_versioning(Bucket="old", VersioningConfiguration={"Status": "Enabled"})
    for n in range(3):
        s3.put_object(Bucket="old", Key="k", Body=str(n).encode())
    own_plane.add_function("g", zipped({"main.py": "def handler(event, context):\n    return 'still here'"}))
    functions, iam, ssm = (own_plane.client(name) for name in ("lambda", "iam", "ssm"))
    functions.create_alias(FunctionName="g", Name="live", FunctionVersion="1")
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="grader", PolicyArn=policy)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    for value in ("m1", "m2"):
        ssm.put_parameter(Name="/rft/champion", Value=value, Type="String", Overwrite=True)
    own_plane.client("sns").create_topic(Name="t")
    own_plane.client("cloudwatch").put_metric_alarm(
        AlarmName="a", MetricName="m", Namespace="n", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    own_plane.client("events").put_rule(Name="r", ScheduleExpression="rate(1 day)")
    session = own_plane.client("sts").assume_role(RoleArn=own_plane.role(), RoleSessionName="me")["Credentials"]
    before = state()

    own_plane.restart()

    assert state() == before
    assert own_plane.client("s3").get_object(Bucket="kept", Key="large")["Body"].read() == b"2" * 1_000_000
    reply = own_plane.client("lambda").invoke(FunctionName="g", Qualifier="live")
    assert reply["Payload"].read() == b'"still here"'
    user = own_plane.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert user.get_caller_identity()["Arn"].endswith(":user/u")
    assumed = own_plane.client(
        "sts", key=session["AccessKeyId"], secret=session["SecretAccessKey"], token=session["SessionToken"]
    )
    assert assumed.get_caller_identity()["Arn"].endswith(":assumed-role/grader/me")
    published = own_plane.client("lambda").publish_version(FunctionName="g")
    assert published["Version"] in ("1", "2")


def test_a_multipart_upload_goes_on_after_a_kill(own_plane: Served) -> None:
    s3 = bucket(own_plane)
    upload = s3.create_multipart_upload(Bucket="kept", Key="big")["UploadId"]
    place = {"Bucket": "kept", "Key": "big", "UploadId": upload}
    first = s3.upload_part(**place, PartNumber=1, Body=b"a" * 5_300_000)["ETag"]
    own_plane.restart()
    s3 = own_plane.client("s3")
    second = s3.upload_part(**place, PartNumber=2, Body=b"b")["ETag"]
    parts = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    own_plane.restart()
    assert own_plane.client("s3").get_object(Bucket="kept", Key="big")["Body"].read() == b"a" * 5_300_000 + b"b"


def test_no_acknowledged_write_is_lost_by_a_kill_at_any_time(own_plane: Served) -> None:
    bucket(own_plane)
    acknowledged: list[int] = []

    def write() -> None:
        s3 = own_plane.client("s3")
        for n in range(10_000):
            try:
                s3.put_object(Bucket="kept", Key=f"k{n}", Body=str(n).encode() * 20_000)
            except Exception:  # noqa: BLE001 -- the plane was killed in the middle
                return
            acknowledged.append(n)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 20:
        writer.join(0.01)
    own_plane.restart()
    writer.join()
    s3 = own_plane.client("s3")
    for n in acknowledged:
        assert s3.get_object(Bucket="kept", Key=f"k{n}")["Body"].read() == str(n).encode() * 20_000


def test_what_is_overwritten_or_deleted_takes_no_room(own_plane: Served) -> None:
    s3 = bucket(own_plane)
    for n in range(5):
        s3.put_object(Bucket="kept", Key="k", Body=str(n).encode() * 100_000)
    assert [operation for operation, _ in journal(own_plane)] == ["CreateBucket", "PutObject"]
    assert bodies(own_plane) == 1
    s3.delete_object(Bucket="kept", Key="k")
    for n in range(3):
        s3.put_object(Bucket="kept", Key=f"<{n}>&", Body=b"x")
    s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": f"<{n}>&"} for n in range(3)]})
    upload = s3.create_multipart_upload(Bucket="kept", Key="big")["UploadId"]
    s3.upload_part(Bucket="kept", Key="big", UploadId=upload, PartNumber=1, Body=b"a" * 100_000)
    s3.abort_multipart_upload(Bucket="kept", Key="big", UploadId=upload)
    assert [operation for operation, _ in journal(own_plane)] == ["CreateBucket"]
    assert bodies(own_plane) == 0
    s3.delete_bucket(Bucket="kept")
    assert journal(own_plane) == []
    own_plane.restart()
    assert own_plane.client("s3").list_buckets()["Buckets"] == []


def test_what_was_copied_outlives_its_source(own_plane: Served) -> None:
    s3 = bucket(own_plane)
    s3.put_object(Bucket="kept", Key="a", Body=b"first")
    s3.copy_object(Bucket="kept", Key="b", CopySource={"Bucket": "kept", "Key": "a"})
    s3.put_object(Bucket="kept", Key="a", Body=b"second")
    s3.delete_object(Bucket="kept", Key="a")
    own_plane.restart()
    s3 = own_plane.client("s3")
    assert s3.get_object(Bucket="kept", Key="b")["Body"].read() == b"first"
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="kept", Key="a")


def test_code_from_a_bucket_outlives_the_object(own_plane: Served, zipped: Zip) -> None:
    s3 = bucket(own_plane)
    code = zipped({"main.py": "def handler(event, context):\n    return 'from s3'"})
    s3.put_object(Bucket="kept", Key="code.zip", Body=code)
    own_plane.client("lambda").create_function(
        FunctionName="g", Role=own_plane.role(), Runtime="python3.11", Handler="main.handler",
        Code={"S3Bucket": "kept", "S3Key": "code.zip"},
    )  # fmt: skip
    s3.delete_object(Bucket="kept", Key="code.zip")
    own_plane.restart()
    assert own_plane.client("lambda").invoke(FunctionName="g")["Payload"].read() == b'"from s3"'


def test_deleted_functions_roles_and_parameters_take_no_room(own_plane: Served, zipped: Zip) -> None:
    own_plane.add_function("g", zipped({"main.py": "x = 1"}))
    functions, iam, ssm = (own_plane.client(name) for name in ("lambda", "iam", "ssm"))
    functions.update_function_code(FunctionName="g", ZipFile=zipped({"main.py": "x = 2"}), Publish=True)
    functions.delete_function(FunctionName="g")
    iam.delete_role(RoleName="grader")
    ssm.put_parameter(Name="/p", Value="1", Type="String")
    ssm.delete_parameter(Name="/p")
    assert journal(own_plane) == []


def test_ids_are_never_given_twice(own_plane: Served) -> None:
    iam = own_plane.client("iam")
    seen = []
    for _ in range(2):
        own_plane.role()
        seen.append(iam.get_role(RoleName="grader")["Role"]["RoleId"])
        iam.delete_role(RoleName="grader")
        own_plane.restart()
        iam = own_plane.client("iam")
    assert seen[0] != seen[1]


def test_messages_come_back_until_they_are_deleted(own_plane: Served) -> None:
    sqs, sns = own_plane.client("sqs"), own_plane.client("sns")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for text in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    for text in ("three", "four"):
        sns.publish(TopicArn=topic, Message=text)
    for message in _received(sqs, url):
        if message["Body"] in ("one", "three"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    own_plane.restart()
    sqs = own_plane.client("sqs")
    assert sorted(message["Body"] for message in _received(sqs, url)) == ["four", "two"]


def _received(sqs: Any, url: str) -> list[Any]:
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])


def _without_metadata(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("ResponseMetadata", "RoleLastUsed")}


def test_events_that_nobody_hears_leave_no_trace(own_plane: Served) -> None:
    events, sqs = own_plane.client("events"), own_plane.client("sqs")
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["loud"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])

    def n_kept() -> int:
        with sqlite3.connect(f"file:{own_plane.root}/aws/journal.sqlite?mode=ro", uri=True) as journal:
            return int(journal.execute("SELECT count(*) FROM writes").fetchone()[0])

    def say(source: str) -> None:
        events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": "{}"}])

    before = n_kept()
    for _ in range(5):
        say("quiet")
    assert n_kept() == before
    say("loud")
    assert n_kept() == before + 1
    own_plane.restart()
    sqs = own_plane.client("sqs")
    url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
