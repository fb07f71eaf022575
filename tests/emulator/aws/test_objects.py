"""The engine's own way to objects."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.auth import ROOT_ACCOUNT, Authenticator, Caller, KeyRing
from airflow_provider_bedrock_rft.emulator.aws import AwsPlane
from airflow_provider_bedrock_rft.emulator.aws.wire import AwsRequest

if TYPE_CHECKING:
    from pathlib import Path

CALLER = Caller(
    account=ROOT_ACCOUNT, region="us-east-1", access_key_id="A", principal_arn="arn:x", service="s3", user_id="u"
)


async def test_objects_are_written_and_read_without_http(tmp_path: Path) -> None:
    def new_plane() -> AwsPlane:
        return AwsPlane(tmp_path, Authenticator(KeyRing()), endpoint=lambda: "http://127.0.0.1:9", now=time.time)

    plane = new_plane()
    await plane.open()
    create = AwsRequest(method="PUT", raw_path="/results", query="", headers=(("host", "127.0.0.1"),), body=b"")
    assert (await plane.answer(create, CALLER)).status == 200
    await plane.write_object(ROOT_ACCOUNT, "results", "a b/ü.json", b"{}", content_type="application/json")
    assert plane.read_object(ROOT_ACCOUNT, "results", "a b/ü.json") == b"{}"
    assert plane.read_object(ROOT_ACCOUNT, "results", "none") is None
    assert plane.read_object(ROOT_ACCOUNT, "nowhere", "none") is None
    with pytest.raises(LookupError, match="s3://nowhere/k cannot be written"):
        await plane.write_object(ROOT_ACCOUNT, "nowhere", "k", b"")
    await plane.close()

    again = new_plane()
    await again.open()
    assert again.read_object(ROOT_ACCOUNT, "results", "a b/ü.json") == b"{}"
    await again.close()
