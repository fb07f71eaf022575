"""What the front adds to the mounted services, seen by boto3."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Served

    Zip = Callable[[Mapping[str, str]], bytes]


def error_of(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def fetch(
    url: str, *, method: str = "GET", data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    request = urllib.request.Request(url, method=method, data=data, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def bucket(plane: Served, name: str, **client: Any) -> Any:
    s3 = plane.client("s3", **client)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return s3


class TestNotThere:
    @pytest.mark.parametrize(
        ("service", "operation", "arguments"),
        [
            ("dynamodb", "list_tables", {}),
            ("ec2", "describe_instances", {}),
            ("secretsmanager", "list_secrets", {}),
            ("ssm", "describe_ops_items", {}),
            ("iam", "list_service_specific_credentials", {}),
            ("lambda", "get_account_settings", {}),
            ("logs", "list_anomalies", {}),
            ("s3", "list_bucket_metrics_configurations", {"Bucket": "b"}),
        ],
    )
    def test_it_says_so_and_names_the_operation(
        self, plane: Served, service: str, operation: str, arguments: dict[str, str]
    ) -> None:
        client = plane.client(service)
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**arguments)
        response = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
        assert response["Error"]["Code"] == "NotImplemented"
        if service not in ("dynamodb", "ec2", "secretsmanager"):
            assert operation.replace("_", "") in response["Error"]["Message"].replace(" ", "").lower()

    def test_motos_own_doors_are_shut(self, plane: Served) -> None:
        for path in ("/moto-api/reset", "/moto-api/data.json"):
            assert fetch(plane.url + path, method="POST", data=b"")[0] == 403
        assert error_of(lambda: plane.client("s3").put_object(Bucket="moto-api", Key="reset"))[1] == 501


class TestObjects:
    def test_presigned_urls_work_without_a_client(self, plane: Served) -> None:
        s3 = bucket(plane, "presigned", signature_version="s3v4")
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "presigned", "Key": "a b"}, ExpiresIn=60)
        get = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "a b"}, ExpiresIn=60)
        assert fetch(put, method="PUT", data=b"hello")[0] == 200
        assert fetch(get) == (200, b"hello")
        assert fetch(get.replace("a%20b", "other"))[0] == 403

    def test_framed_bodies_are_stored_plain(self, plane: Served) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        s3 = bucket(plane, "framed")
        stated = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        headers = {
            "x-amz-content-sha256": stated, "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "11",
            "x-amz-trailer": "x-amz-checksum-crc32",
        }  # fmt: skip
        request = AWSRequest("PUT", f"{plane.url}/framed/k", headers=headers)
        signer = S3SigV4Auth(Credentials("AKIALOCALEMULATOR001", "local-emulator-secret"), "s3", "us-west-2")
        signer.payload = lambda _: stated  # type: ignore[method-assign]
        signer.add_auth(request)
        request.headers["x-amz-content-sha256"] = stated
        framed = b"6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
        assert fetch(request.url, method="PUT", data=framed, headers=dict(request.headers.items()))[0] == 200
        assert s3.get_object(Bucket="framed", Key="k")["Body"].read() == b"hello world"
        broken = fetch(request.url, method="PUT", data=b"6\r\nhel", headers=dict(request.headers.items()))
        assert broken[0] == 400
        assert b"IncompleteBody" in broken[1]

    def test_a_head_has_the_length_and_no_body(self, plane: Served) -> None:
        s3 = bucket(plane, "headed")
        s3.put_object(Bucket="headed", Key="k", Body=b"12345")
        assert s3.head_object(Bucket="headed", Key="k")["ContentLength"] == 5
        assert error_of(lambda: s3.head_object(Bucket="headed", Key="none")) == ("404", 404)

    def test_pages_of_objects(self, plane: Served) -> None:
        s3 = bucket(plane, "paged")
        for n in range(5):
            s3.put_object(Bucket="paged", Key=f"p/{n}", Body=b"")
        pages = list(
            s3.get_paginator("list_objects_v2").paginate(Bucket="paged", Prefix="p/", PaginationConfig={"PageSize": 2})
        )
        assert [len(page["Contents"]) for page in pages] == [2, 2, 1]


class TestIdentity:
    def test_accounts_do_not_see_each_other(self, plane: Served) -> None:
        plane.client("ssm").put_parameter(Name="/whose", Value="mine", Type="String")
        other = plane.client("ssm", key="AKIAOTHERACCOUNT0001", secret="other-secret")
        assert error_of(lambda: other.get_parameter(Name="/whose"))[0] == "ParameterNotFound"
        role = plane.client("iam", key="AKIAOTHERACCOUNT0001", secret="other-secret").create_role(
            RoleName="theirs", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
        )
        assert role["Role"]["Arn"] == "arn:aws:iam::222222222222:role/theirs"

    def test_regions_do_not_see_each_other(self, plane: Served) -> None:
        plane.client("ssm").put_parameter(Name="/where", Value="west", Type="String")
        east = plane.client("ssm", region="us-east-1")
        assert error_of(lambda: east.get_parameter(Name="/where"))[0] == "ParameterNotFound"

    def test_an_assumed_role_is_who_it_says(self, plane: Served) -> None:
        credentials = plane.client("sts").assume_role(RoleArn=plane.role(), RoleSessionName="me")["Credentials"]
        keys = {"key": credentials["AccessKeyId"], "secret": credentials["SecretAccessKey"]}
        assumed = plane.client("sts", **keys, token=credentials["SessionToken"])
        assert assumed.get_caller_identity()["Arn"] == "arn:aws:sts::123456789012:assumed-role/grader/me"
        assert error_of(plane.client("sts", **keys).get_caller_identity) == ("InvalidClientTokenId", 403)

    def test_a_session_token_is_who_asked_for_it(self, plane: Served) -> None:
        credentials = plane.client("sts").get_session_token()["Credentials"]
        session = plane.client(
            "s3",
            key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            token=credentials["SessionToken"],
        )
        assert "Buckets" in session.list_buckets()

    def test_a_deleted_key_is_unknown(self, plane: Served) -> None:
        iam = plane.client("iam")
        iam.create_user(UserName="gone")
        key = iam.create_access_key(UserName="gone")["AccessKey"]
        sts = plane.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        assert sts.get_caller_identity()["UserId"]
        iam.update_access_key(UserName="gone", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        assert error_of(sts.get_caller_identity) == ("InvalidClientTokenId", 403)


SOURCE = (
    "import os, boto3\n"
    "def handler(event, context):\n"
    "    if event.get('raise'): raise RuntimeError('bad day')\n"
    "    if event.get('who'): return boto3.client('sts').get_caller_identity()['Arn']\n"
    "    if event.get('put'): boto3.client('ssm').put_parameter(Name=event['put'], Value='1', Type='String')\n"
    "    return {'env': dict(os.environ), 'version': context.function_version, 'event': event}"
)


@pytest.fixture
def function(plane: Served, zipped: Zip) -> Any:
    client = plane.client("lambda")
    with contextlib.suppress(client.exceptions.ResourceConflictException):
        plane.add_function("f", zipped({"main.py": SOURCE}), Timeout=30, MemorySize=256)
    return client


class TestFunctions:
    def invoke(self, client: Any, event: object = None, **settings: Any) -> Any:
        settings = {"FunctionName": "f"} | settings
        reply = client.invoke(Payload=json.dumps(event or {}).encode(), **settings)
        return json.loads(reply["Payload"].read())

    @pytest.mark.parametrize(
        ("name", "version"),
        [
            ("f", "$LATEST"),
            ("f:1", "1"),
            ("f:$LATEST", "$LATEST"),
            ("123456789012:function:f", "$LATEST"),
            ("arn:aws:lambda:us-west-2:123456789012:function:f", "$LATEST"),
            ("arn:aws:lambda:us-west-2:123456789012:function:f:1", "1"),
            ("arn:aws:lambda:us-west-2:123456789012:function:f:live", "1"),
        ],
    )
    def test_all_names_of_a_function_work(self, function: Any, name: str, version: str) -> None:
        if name.endswith("live"):
            function.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
        assert self.invoke(function, FunctionName=name)["version"] == version

    def test_the_hosts_secrets_do_not_leak(self, function: Any) -> None:
        environment = self.invoke(function)["env"]
        assert "HOST_TOKEN" not in environment
        assert "host-secret" not in environment.values()
        assert "local-emulator-secret" not in environment.values()

    def test_a_function_acts_as_its_role(self, function: Any) -> None:
        assert self.invoke(function, {"who": 1}) == "arn:aws:sts::123456789012:assumed-role/grader/f"

    def test_an_error_is_marked(self, function: Any) -> None:
        reply = function.invoke(FunctionName="f", Payload=b'{"raise": 1}', LogType="Tail")
        assert reply["FunctionError"] == "Unhandled"
        assert json.loads(reply["Payload"].read())["errorMessage"] == "bad day"
        assert b"[ERROR] RuntimeError: bad day" in base64.b64decode(reply["LogResult"])

    def test_a_dry_run_runs_nothing(self, function: Any) -> None:
        assert function.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204

    def test_an_event_is_handled_later(self, plane: Served, function: Any) -> None:
        reply = function.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"put": "/from-event"}')
        assert reply["StatusCode"] == 202
        assert _eventually(lambda: plane.client("ssm").get_parameter(Name="/from-event"))

    def test_a_topic_reaches_a_function(self, plane: Served, zipped: Zip) -> None:
        source = "import boto3\ndef handler(event, context):\n    boto3.client('ssm').put_parameter(Name='/from-topic', Value=event['Records'][0]['Sns']['Message'], Type='String')"
        arn = plane.add_function("listener", zipped({"main.py": source}), Timeout=30, MemorySize=256)["FunctionArn"]
        sns = plane.client("sns")
        topic = sns.create_topic(Name="to-function")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
        sns.publish(TopicArn=topic, Message="hello")
        assert (
            _eventually(lambda: plane.client("ssm").get_parameter(Name="/from-topic"))["Parameter"]["Value"] == "hello"
        )

    def test_refusals_have_lambdas_own_codes(self, function: Any) -> None:
        assert error_of(lambda: function.invoke(FunctionName="none")) == ("ResourceNotFoundException", 404)
        assert error_of(lambda: function.invoke(FunctionName="f", Qualifier="9")) == ("ResourceNotFoundException", 404)
        assert error_of(lambda: function.invoke(FunctionName="f", Payload=b"{")) == (
            "InvalidRequestContentException",
            400,
        )
        large = b'"' + b"x" * 6_291_500 + b'"'
        assert error_of(lambda: function.invoke(FunctionName="f", Payload=large)) == ("RequestTooLargeException", 413)
        function.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
        assert error_of(lambda: function.invoke(FunctionName="f")) == ("TooManyRequestsException", 429)
        function.delete_function_concurrency(FunctionName="f")

    @pytest.mark.parametrize("name", ["../escaped.py", "/escaped.py", None])
    def test_a_package_that_cannot_be_unpacked_is_refused(self, plane: Served, zipped: Zip, name: str | None) -> None:
        package = zipped({name: "x"}) if name else b"no zip"
        assert error_of(lambda: plane.add_function("bad", package)) == ("InvalidParameterValueException", 400)
        assert error_of(lambda: plane.client("lambda").get_function(FunctionName="bad"))[1] == 404

    def test_logs_are_read_through_cloudwatch(self, plane: Served, zipped: Zip) -> None:
        plane.add_function("talker", zipped({"main.py": "def handler(event, context):\n    print('a word')"}))
        plane.client("lambda").invoke(FunctionName="talker")
        events = _eventually(
            lambda: plane.client("logs").filter_log_events(logGroupName="/aws/lambda/talker")["events"]
        )
        messages = [event["message"] for event in events]
        assert messages[0].startswith("START RequestId")
        assert "a word" in messages
        assert messages[-1].startswith("REPORT")

    def test_logs_are_bounded(self, plane: Served, zipped: Zip) -> None:
        source = "def handler(event, context):\n    for n in range(3000): print(n)"
        plane.add_function("chatter", zipped({"main.py": source}))
        for _ in range(2):
            plane.client("lambda").invoke(FunctionName="chatter")
        logs = plane.client("logs")
        streams = _eventually(lambda: logs.describe_log_streams(logGroupName="/aws/lambda/chatter")["logStreams"])
        name = streams[0]["logStreamName"]
        kept = logs.get_log_events(logGroupName="/aws/lambda/chatter", logStreamName=name, startFromHead=True)["events"]
        assert 0 < len(kept) <= 2000


def test_a_long_poll_waits_and_holds_nobody_up(plane: Served) -> None:
    import threading

    sqs = plane.client("sqs")
    url = sqs.create_queue(QueueName="polled")["QueueUrl"]
    received: list[Any] = []
    poll = threading.Thread(target=lambda: received.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    plane.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    poll.join()
    assert received[0]["Messages"][0]["Body"] == "hello"


def test_managed_policies_can_be_attached(plane: Served) -> None:
    plane.role("managed")
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    plane.client("iam").attach_role_policy(RoleName="managed", PolicyArn=policy)
    attached = plane.client("iam").list_attached_role_policies(RoleName="managed")["AttachedPolicies"]
    assert [p["PolicyArn"] for p in attached] == [policy]


def _eventually(call: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if result := call():
                return result
        except ClientError:
            pass
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
