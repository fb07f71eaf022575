from __future__ import annotations

import pickle

import pytest

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, RftError, UnknownStatus
from airflow_provider_bedrock_rft.core.identifiers import Arn, JobName, LambdaArn, ModelId, S3Uri

FUNCTION = "arn:aws:lambda:us-west-2:111122223333:function:my-grader"


@pytest.mark.parametrize(("qualifier", "immutable"), [("", False), (":7", True), (":live", False), (":$LATEST", False)])
def test_only_a_published_version_is_immutable(qualifier: str, *, immutable: bool) -> None:
    assert LambdaArn.parse(FUNCTION + qualifier).is_immutable is immutable


def test_parts_of_an_arn() -> None:
    arn = LambdaArn.parse(f"{FUNCTION}:7")
    assert (arn.part("region"), arn.part("account"), arn.part("name"), arn.part("qualifier")) == (
        "us-west-2",
        "111122223333",
        "my-grader",
        "7",
    )
    assert Arn.parse("arn:aws:s3:::bucket/key").part("resource") == "bucket/key"


def test_an_s3_uri_has_a_bucket_and_a_key() -> None:
    uri = S3Uri.parse("s3://my-bucket/a/b.jsonl")
    assert (uri.bucket, uri.key) == ("my-bucket", "a/b.jsonl")
    assert S3Uri.parse("s3://my-bucket/runs/").child("x", "/y.json") == "s3://my-bucket/runs/x/y.json"


@pytest.mark.parametrize("text", ["", "s3://", "s3://A/b", "http://bucket/key", "s3://ab"])
def test_what_is_no_s3_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier, match="such as s3://"):
        S3Uri.parse(text)


@pytest.mark.parametrize("text", ["", "-a", "a" * 64, "a b", "a_b"])
def test_what_is_no_job_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        JobName.parse(text)


def test_a_model_id_is_opaque() -> None:
    assert ModelId.parse("ft:openai.gpt-oss-20b:x::y") == "ft:openai.gpt-oss-20b:x::y"
    with pytest.raises(InvalidIdentifier):
        ModelId.parse("two words")


def test_errors_survive_pickling_with_their_facts() -> None:
    error = UnknownStatus("What?", action="Look.", status="odd")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert isinstance(again, RftError)
    assert (type(again), str(again), again.details) == (UnknownStatus, "What? Look.", {"status": "odd"})
