from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Served


def test_objects_go_in_and_out(plane: Served) -> None:
    s3 = plane.client("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="plain", Key="a/b c+d.jsonl", Body=b"x" * 100_000, Metadata={"n_records": "3"})
    got = s3.get_object(Bucket="plain", Key="a/b c+d.jsonl")
    assert got["Body"].read() == b"x" * 100_000
    assert got["Metadata"] == {"n_records": "3"}


def test_a_function_is_created_published_and_invoked(
    plane: Served, zipped: Callable[[Mapping[str, str]], bytes]
) -> None:
    functions = plane.client("lambda")
    code = zipped(
        {
            "main.py": "def handler(event, context):\n    print('seen')\n    return [context.function_version, context.invoked_function_arn]"
        }
    )
    plane.add_function("grader", code)
    reply = functions.invoke(FunctionName="grader", Qualifier="1", LogType="Tail", Payload=b"{}")
    arn = "arn:aws:lambda:us-west-2:123456789012:function:grader:1"
    assert json.loads(reply["Payload"].read()) == ["1", arn]
    assert reply["ExecutedVersion"] == "1"
    assert b"seen" in base64.b64decode(reply["LogResult"])


def test_the_caller_is_told_who_it_is(plane: Served) -> None:
    assert plane.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"
    other = plane.client("sts", key="AKIAOTHERACCOUNT0001", secret="other-secret")
    assert other.get_caller_identity()["Account"] == "222222222222"


@pytest.mark.parametrize("service", ["s3", "sts", "iam", "lambda", "ssm", "logs"])
def test_a_wrong_secret_is_refused(plane: Served, service: str) -> None:
    calls = {
        "s3": "list_buckets",
        "sts": "get_caller_identity",
        "iam": "list_roles",
        "lambda": "list_functions",
        "ssm": "describe_parameters",
        "logs": "describe_log_groups",
    }
    with pytest.raises(ClientError) as caught:
        getattr(plane.client(service, secret="wrong"), calls[service])()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Code"] in ("SignatureDoesNotMatch", "InvalidSignatureException")


def test_acknowledged_writes_survive_a_kill(own_plane: Served, zipped: Callable[[Mapping[str, str]], bytes]) -> None:
    s3, iam, ssm, functions = (own_plane.client(name) for name in ("s3", "iam", "ssm", "lambda"))
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="kept", Key="small", Body=b"1")
    s3.put_object(Bucket="kept", Key="large", Body=b"2" * 1_000_000)
    role = iam.create_role(
        RoleName="job", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
    )["Role"]
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    ssm.put_parameter(Name="/rft/champion", Value="m1", Type="String")
    code = zipped({"main.py": "def handler(event, context):\n    return 'still here'"})
    own_plane.add_function("g", code)
    functions.create_alias(FunctionName="g", Name="live", FunctionVersion="1")
    before = s3.head_object(Bucket="kept", Key="small")["LastModified"]

    own_plane.restart()

    s3, iam, ssm, functions = (own_plane.client(name) for name in ("s3", "iam", "ssm", "lambda"))
    assert s3.get_object(Bucket="kept", Key="large")["Body"].read() == b"2" * 1_000_000
    assert s3.head_object(Bucket="kept", Key="small")["LastModified"] == before
    assert iam.get_role(RoleName="job")["Role"]["RoleId"] == role["RoleId"]
    assert ssm.get_parameter(Name="/rft/champion")["Parameter"]["Value"] == "m1"
    assert functions.invoke(FunctionName="g", Qualifier="live")["Payload"].read() == b'"still here"'
    user = own_plane.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert user.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/u"
