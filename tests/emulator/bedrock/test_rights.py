from __future__ import annotations

import json
from typing import Any

import pytest

RIGHTS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "lambda:InvokeFunction")


@pytest.mark.parametrize("missing", ["s3:GetObject", "s3:PutObject", "lambda:InvokeFunction"])
def test_a_right_that_the_role_lacks_fails_the_job_and_is_named(native: Any, finished: Any, missing: str) -> None:
    name = f"without-{missing.replace(':', '-')}"
    role = native.make_role(name, tuple(right for right in RIGHTS if right != missing))
    arn = native.bedrock.create_model_customization_job(**native.request(roleArn=role))["jobArn"]
    job = finished(native, arn)
    assert job["status"] == "Failed"
    assert f"{name}/bedrock is not authorized to perform: {missing} on resource: arn:aws:" in job["failureMessage"]
    assert job["statusDetails"]["validationDetails"]["status"] == "Failed"


def test_a_role_must_exist_and_trust_bedrock_for_this_job(native: Any, finished: Any) -> None:
    def failure(role: str) -> str:
        arn = native.bedrock.create_model_customization_job(**native.request(roleArn=role))["jobArn"]
        return str(finished(native, arn)["failureMessage"])

    assert "it does not exist" in failure("arn:aws:iam::123456789012:role/nobody")
    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    other = native.make_role("of-lambda", RIGHTS, {"Version": "2012-10-17", "Statement": [statement]})
    assert "trust policy does not allow bedrock.amazonaws.com" in failure(other)
    strange = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": strange,
    }
    guarded = native.make_role("of-another", RIGHTS, {"Version": "2012-10-17", "Statement": [statement]})
    assert "trust policy" in failure(guarded)


def test_conditions_on_the_source_are_met_and_managed_policies_count(native: Any, finished: Any) -> None:
    condition = {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:us-west-2:123456789012:model-customization-job/*"},
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["bedrock.amazonaws.com"]},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    iam = native.emulator.aws("iam")
    role = native.make_role("guarded", RIGHTS[:1], {"Version": "2012-10-17", "Statement": [statement]})
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["s3:put*", "LAMBDA:Invoke*"], "Resource": "*"},
    }
    made = iam.create_policy(PolicyName="more-rights", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="guarded", PolicyArn=made)
    arn = native.bedrock.create_model_customization_job(**native.request(roleArn=role))["jobArn"]
    assert finished(native, arn)["status"] == "Completed"


def test_a_denial_goes_before_every_permission(native: Any, finished: Any) -> None:
    role = native.make_role("denied", RIGHTS)
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{native.bucket}/train*"}],
    }
    native.emulator.aws("iam").put_role_policy(
        RoleName="denied", PolicyName="denial", PolicyDocument=json.dumps(document)
    )
    arn = native.bedrock.create_model_customization_job(**native.request(roleArn=role))["jobArn"]
    assert "s3:GetObject" in finished(native, arn)["failureMessage"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trainingDataConfig": {"s3Uri": "s3://no-such-bucket-at-all/x.jsonl"}}, "s3:GetObject"),
        ({"outputDataConfig": {"s3Uri": "s3://no-such-bucket-at-all/out"}}, "s3:PutObject"),
    ],
)
def test_places_out_of_reach_fail_the_job(native: Any, finished: Any, changes: Any, words: str) -> None:
    arn = native.bedrock.create_model_customization_job(**native.request(**changes))["jobArn"]
    assert words in finished(native, arn)["failureMessage"]


def test_an_object_that_is_not_there_fails_the_job(native: Any, finished: Any) -> None:
    request = native.request(trainingDataConfig={"s3Uri": f"s3://{native.bucket}/nothing.jsonl"})
    arn = native.bedrock.create_model_customization_job(**request)["jobArn"]
    assert "nothing.jsonl does not exist" in finished(native, arn)["failureMessage"]
