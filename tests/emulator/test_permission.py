"""What callers may do: users, groups and sessions, on both planes and at STS."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

REGION = "us-west-2"
NOVA = "amazon.nova-2-lite-v1:0"
ASK = [{"role": "user", "content": [{"text": "What is 2 + 2?"}]}]


def allow(*actions: str, resource: str | list[str] = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


class Someone:
    """A user of the account, with keys and policies of its own."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator
        self.name = f"someone-{uuid.uuid4().hex[:8]}"
        iam = emulator.aws("iam")
        self.arn = iam.create_user(UserName=self.name)["User"]["Arn"]
        key = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]

    def may(self, *statements: dict[str, Any], name: str = "it") -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.emulator.aws("iam").put_user_policy(UserName=self.name, PolicyName=name, PolicyDocument=document)

    def aws(self, service: str) -> Any:
        return client(self.emulator.url, service, self.key, self.secret)

    def mantle(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        token = self.emulator.token(key=self.key, secret=self.secret)
        answer: tuple[int, Any] = self.emulator.call(
            method, f"/v1/{path}", body, headers={"authorization": f"Bearer {token}"}
        )
        return answer


def client(url: str, service: Any, key: str, secret: str, token: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def denied(call: Any, action: str, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException", caught.value
    assert f"is not authorized to perform: {action} on resource: " in error["Message"]
    return str(error["Message"])


def refused(answer: tuple[int, Any], action: str) -> None:
    status, body = answer
    assert status == 403
    assert (body["error"]["code"], body["error"]["type"]) == ("access_denied", "permission_error")
    assert f"is not authorized to perform: {action} on resource: " in body["error"]["message"]


@pytest.fixture
def someone(emulator: Any) -> Someone:
    return Someone(emulator)


def test_a_user_without_policies_may_do_nothing(someone: Someone) -> None:
    message = denied(someone.aws("bedrock").list_custom_models, "bedrock:ListCustomModels")
    assert message.startswith(f"User: {someone.arn} is not authorized")
    denied(someone.aws("bedrock-runtime").converse, "bedrock:InvokeModel", modelId=NOVA, messages=ASK)
    refused(someone.mantle("GET", "models"), "bedrock-mantle:CallWithBearerToken")


def test_the_administrator_may_do_everything(someone: Someone) -> None:
    someone.emulator.aws("iam").attach_user_policy(
        UserName=someone.name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    assert "modelSummaries" in someone.aws("bedrock").list_custom_models()
    assert someone.mantle("GET", "files")[0] == 200


def test_a_group_lends_its_policies(someone: Someone) -> None:
    iam = someone.emulator.aws("iam")
    group = f"{someone.name}-group"
    iam.create_group(GroupName=group)
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("bedrock:List*")]})
    iam.put_group_policy(GroupName=group, PolicyName="list", PolicyDocument=document)
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    assert "modelSummaries" in someone.aws("bedrock").list_custom_models()
    denied(someone.aws("bedrock").get_custom_model, "bedrock:GetCustomModel", modelIdentifier="mine")


def test_native_actions_are_allowed_per_resource(someone: Someone) -> None:
    someone.may(allow("bedrock:InvokeModel", resource=f"arn:aws:bedrock:*::foundation-model/{NOVA}"))
    runtime = someone.aws("bedrock-runtime")
    assert runtime.converse(modelId=NOVA, messages=ASK)["output"]["message"]["content"]
    denied(runtime.converse, "bedrock:InvokeModel", modelId="amazon.nova-pro-v1:0", messages=ASK)
    denied(runtime.converse_stream, "bedrock:InvokeModelWithResponseStream", modelId=NOVA, messages=ASK)
    profile = f"us.{NOVA}"
    assert "inference-profile/us." in denied(runtime.converse, "bedrock:InvokeModel", modelId=profile, messages=ASK)


def test_a_role_must_be_passed_on_to_bedrock(someone: Someone) -> None:
    someone.may(allow("bedrock:*"))
    request = {
        "jobName": f"job-{someone.name}",
        "customModelName": f"model-{someone.name}",
        "roleArn": "arn:aws:iam::123456789012:role/nobody",
        "baseModelIdentifier": f"{NOVA}:256k",
        "customizationType": "REINFORCEMENT_FINE_TUNING",
        "trainingDataConfig": {"s3Uri": "s3://nowhere/x.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://nowhere/out"},
        "customizationConfig": {
            "rftConfig": {
                "graderConfig": {"lambdaGrader": {"lambdaArn": f"arn:aws:lambda:{REGION}:123456789012:function:f"}}
            }
        },
    }
    create = someone.aws("bedrock").create_model_customization_job
    denied(create, "iam:PassRole", **request)
    elsewhere = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    someone.may(allow("bedrock:*"), allow("iam:PassRole", Condition=elsewhere))
    denied(create, "iam:PassRole", **request)
    here = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    someone.may(allow("bedrock:*"), allow("iam:PassRole", Condition=here))
    arn = create(**request)["jobArn"]
    jobs = f"arn:aws:bedrock:{REGION}:123456789012:model-customization-job/*"
    someone.may(allow("bedrock:GetModelCustomizationJob", resource=jobs))
    read = someone.aws("bedrock").get_model_customization_job
    assert read(jobIdentifier=arn)["jobArn"] == read(jobIdentifier=request["jobName"])["jobArn"] == arn
    denied(someone.aws("bedrock").stop_model_customization_job, "bedrock:StopModelCustomizationJob", jobIdentifier=arn)


def test_mantle_actions_are_allowed_per_project_and_model(someone: Someone) -> None:
    project = f"arn:aws:bedrock-mantle:{REGION}:123456789012:project/*"
    key = allow("bedrock-mantle:CallWithBearerToken")
    someone.may(key, allow("bedrock-mantle:ListFiles", "bedrock-mantle:GetFile", resource=project))
    assert someone.mantle("GET", "files")[0] == 200
    assert someone.mantle("GET", "files/file-none")[0] == 404
    refused(someone.mantle("DELETE", "files/file-none"), "bedrock-mantle:DeleteFile")
    refused(someone.mantle("GET", "fine_tuning/jobs"), "bedrock-mantle:ListFineTuningJobs")
    assert someone.mantle("GET", "nothing/of/the/kind")[0] == 404
    only = {"StringEquals": {"bedrock-mantle:Model": "openai.gpt-oss-20b"}}
    someone.may(key, allow("bedrock-mantle:CreateInference", resource=project, Condition=only))
    ask = {"messages": [{"role": "user", "content": "2 + 2?"}]}
    assert someone.mantle("POST", "chat/completions", {**ask, "model": "openai.gpt-oss-20b"})[0] == 200
    other = someone.mantle("POST", "chat/completions", {**ask, "model": "openai.gpt-oss-120b"})
    refused(other, "bedrock-mantle:CreateInference")


def test_whoever_starts_a_job_may_invoke_its_grader(someone: Someone) -> None:
    function = f"arn:aws:lambda:{REGION}:123456789012:function:g-{someone.name}"
    grader = {"type": "lambda", "lambda": {"function": function}}
    body = {
        "model": "openai.gpt-oss-20b",
        "training_file": "file-none",
        "method": {"type": "reinforcement", "reinforcement": {"grader": grader}},
    }
    someone.may(allow("bedrock-mantle:*"))
    refused(someone.mantle("POST", "fine_tuning/jobs", body), "lambda:InvokeFunction")
    someone.may(allow("bedrock-mantle:*"), allow("lambda:InvokeFunction", resource=function))
    assert someone.mantle("POST", "fine_tuning/jobs", body)[0] in {400, 404}, "the file is not there: it got that far"


def test_a_denial_goes_before_every_permission(someone: Someone) -> None:
    someone.may(allow("bedrock:*", "bedrock-mantle:*"))
    someone.may(allow("bedrock:ListCustomModels", "bedrock-mantle:ListFiles", effect="Deny"), name="denial")
    denied(someone.aws("bedrock").list_custom_models, "bedrock:ListCustomModels")
    assert "summaries" not in someone.aws("bedrock").list_model_customization_jobs()
    refused(someone.mantle("GET", "files"), "bedrock-mantle:ListFiles")


def test_a_session_may_do_what_its_role_may(someone: Someone) -> None:
    iam, name = someone.emulator.aws("iam"), f"role-of-{someone.name}"
    trust = {"Version": "2012-10-17", "Statement": [allow_assuming(someone.arn)]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("bedrock:ListCustomModels")]})
    iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=document)
    session = someone.aws("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    url = someone.emulator.url
    bedrock = client(url, "bedrock", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert "modelSummaries" in bedrock.list_custom_models()
    message = denied(bedrock.list_model_customization_jobs, "bedrock:ListModelCustomizationJobs")
    assert f"assumed-role/{name}/me" in message


def allow_assuming(principal: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}


def test_a_role_is_assumed_by_whom_it_trusts(someone: Someone) -> None:
    iam = someone.emulator.aws("iam")
    made = uuid.uuid4().hex[:6]

    def role(name: str, *statements: dict[str, Any]) -> str:
        trust = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        return str(iam.create_role(RoleName=f"{name}-{made}", AssumeRolePolicyDocument=trust)["Role"]["Arn"])

    def refusal(arn: str) -> str:
        with pytest.raises(ClientError) as caught:
            someone.aws("sts").assume_role(RoleArn=arn, RoleSessionName="me")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert f"is not authorized to perform: sts:AssumeRole on resource: {arn}" in str(caught.value)
        return str(caught.value.response["Error"]["Code"])

    def assume(arn: str) -> None:
        assert someone.aws("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]

    assert refusal("arn:aws:iam::123456789012:role/nobody-at-all") == "AccessDenied"
    service = {**allow_assuming(someone.arn), "Principal": {"Service": "lambda.amazonaws.com"}}
    assert refusal(role("of-a-service", service)) == "AccessDenied"
    assert refusal(role("of-another", allow_assuming(f"{someone.arn}-else"))) == "AccessDenied"
    assume(role("mine", allow_assuming(someone.arn)))
    delegated = role("delegated", allow_assuming("arn:aws:iam::123456789012:root"))
    assert refusal(delegated) == "AccessDenied", "the account is trusted, but has not allowed this user"
    someone.may(allow("sts:AssumeRole", resource=delegated))
    assume(delegated)
    refused_url = someone.aws("sts").generate_presigned_url(
        "assume_role", Params={"RoleArn": role("by-address", service), "RoleSessionName": "me"}, HttpMethod="GET"
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(refused_url, timeout=60)
    denying = {**allow_assuming(someone.arn), "Effect": "Deny"}
    assert refusal(role("denied", allow_assuming("*"), denying)) == "AccessDenied"
