"""Versions of functions: what is frozen, when nothing is, and who is refused."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Served

    Zip = Callable[[Mapping[str, str]], bytes]


def code_of(zipped: Zip, value: object) -> bytes:
    return zipped({"main.py": f"def handler(event, context): return {value!r}"})


def plain(reply: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name != "ResponseMetadata"}


def refused(call: Callable[[], object]) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    message = response["Error"]["Message"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], message


class Function:
    """A function of a test's own."""

    def __init__(self, plane: Served, zipped: Zip) -> None:
        self.name = f"fn-{uuid.uuid4().hex[:8]}"
        self.zipped = zipped
        self.plane = plane
        plane.add_function(self.name, code_of(zipped, 1), Publish=False)

    @property
    def api(self) -> Any:
        return self.plane.client("lambda")

    def latest(self) -> dict[str, Any]:
        return plain(self.api.get_function_configuration(FunctionName=self.name))

    def update(self, value: object, **more: Any) -> dict[str, Any]:
        package = code_of(self.zipped, value)
        return dict(self.api.update_function_code(FunctionName=self.name, ZipFile=package, **more))

    def publish(self, **more: Any) -> dict[str, Any]:
        return plain(self.api.publish_version(FunctionName=self.name, **more))

    def versions(self) -> list[str]:
        listed = self.api.list_versions_by_function(FunctionName=self.name)["Versions"]
        return [version["Version"] for version in listed if version["Version"] != "$LATEST"]

    def call(self, version: str) -> object:
        return json.load(self.api.invoke(FunctionName=f"{self.name}:{version}", Payload=b"{}")["Payload"])


@pytest.fixture
def function(plane: Served, zipped: Zip) -> Function:
    return Function(plane, zipped)


def test_another_digest_than_that_of_latest_publishes_nothing(function: Function) -> None:
    meant = function.latest()["CodeSha256"]
    now = function.update(2)["CodeSha256"]
    code, status, message = refused(lambda: function.publish(CodeSha256=meant))
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert f"CodeSHA256 ({meant}) is different from current CodeSHA256 in $LATEST ({now})" in message
    assert function.versions() == []
    assert function.publish(CodeSha256=now)["Version"] == "1"


def test_another_revision_than_that_of_latest_is_refused_everywhere(function: Function) -> None:
    before = function.latest()["RevisionId"]
    after = function.update(2, RevisionId=before)["RevisionId"]
    assert after != before
    calls: list[Callable[[], object]] = [
        lambda: function.publish(RevisionId=before),
        lambda: function.update(3, RevisionId=before),
        lambda: function.api.update_function_configuration(FunctionName=function.name, Timeout=9, RevisionId=before),
    ]
    for call in calls:
        assert refused(call)[:2] == ("PreconditionFailedException", 412)
    assert function.latest()["RevisionId"] == after
    assert function.publish(RevisionId=after)["Version"] == "1"


def test_what_has_not_changed_is_not_published_again(function: Function) -> None:
    first = function.publish(Description="first")
    assert function.publish(Description="again") == first
    function.update(1)  # the same code
    assert function.publish()["Version"] == "1"
    function.api.update_function_configuration(FunctionName=function.name, Timeout=9)
    assert function.publish()["Version"] == "2"
    function.api.update_function_configuration(FunctionName=function.name, Timeout=3)
    assert function.publish()["Version"] == "3", "what is compared is the last version, not any"


def test_a_number_is_never_given_twice(function: Function) -> None:
    function.publish()
    function.update(2, Publish=True)
    function.api.delete_function(FunctionName=function.name, Qualifier="1")
    third = function.update(3, Publish=True)
    assert third["Version"] == "3"
    assert function.versions() == ["2", "3"]
    assert [function.call("2"), function.call("3")] == [2, 3]


def test_a_published_version_does_not_follow_latest(function: Function) -> None:
    settings = {"FunctionName": function.name, "Environment": {"Variables": {"A": "1"}}}
    function.api.update_function_configuration(**settings)
    function.publish()
    function.update(2)
    function.api.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"A": "2"}})
    frozen = function.api.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert frozen["Environment"]["Variables"] == {"A": "1"}
    assert function.call("1") == 1


def test_of_many_who_write_at_once_each_publishes_its_own_or_nothing(function: Function) -> None:
    def write(value: int) -> tuple[int, str]:
        digest = function.update(value)["CodeSha256"]
        api = function.api
        try:
            return value, str(api.publish_version(FunctionName=function.name, CodeSha256=digest)["Version"])
        except api.exceptions.InvalidParameterValueException:
            return value, ""

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(write, range(100, 124)))
    published = {version: value for value, version in outcomes if version}
    assert sorted(published) == sorted(function.versions())
    assert {version: function.call(version) for version in published} == published


def test_a_function_that_is_still_coming_up_is_not_touched(slow_plane: Served, zipped: Zip) -> None:
    function = Function(slow_plane, zipped)
    assert function.latest()["State"] == "Pending"
    calls: list[Callable[[], object]] = [
        function.publish,
        lambda: function.update(2),
        lambda: function.api.update_function_configuration(FunctionName=function.name, Timeout=9),
    ]
    for call in calls:
        code, status, message = refused(call)
        assert (code, status) == ("ResourceConflictException", 409)
        assert "Pending" in message
    slow_plane.settle_seconds = 0.0
    slow_plane.restart()
    assert function.latest()["State"] == "Active"
    slow_plane.settle_seconds = 1e6
    slow_plane.restart()
    assert function.latest()["State"] == "Pending", "the restarted plane tells by the time of the creation"


def test_versions_and_revisions_outlast_a_kill(own_plane: Served, zipped: Zip) -> None:
    function = Function(own_plane, zipped)
    function.publish()
    function.update(2, Publish=True)
    function.api.delete_function(FunctionName=function.name, Qualifier="1")
    before = function.latest()
    own_plane.restart()
    assert function.latest() == before
    assert function.update(3, Publish=True, RevisionId=before["RevisionId"])["Version"] == "3"
    assert function.versions() == ["2", "3"]


def test_the_time_that_functions_take_is_a_setting_in_emulated_seconds(start_emulator: Any) -> None:
    emulator = start_emulator(config={"function_settle_seconds": 3600})
    api = emulator.aws("lambda")
    role = f"arn:aws:iam::123456789012:role/{uuid.uuid4().hex}"
    trust = {"Version": "2012-10-17", "Statement": []}
    emulator.aws("iam").create_role(RoleName=role.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust))
    emulator.create_function("slow", "def handler(event, context): return 1", role)
    assert api.get_function_configuration(FunctionName="slow")["State"] == "Pending"
    assert refused(lambda: api.publish_version(FunctionName="slow"))[0] == "ResourceConflictException"
    emulator.control("POST", "clock", {"advance_seconds": 3601})
    assert api.get_function_configuration(FunctionName="slow")["State"] == "Active"
    emulator.redeploy("slow", "def handler(event, context): return 2")
    assert api.get_function_configuration(FunctionName="slow")["LastUpdateStatus"] == "InProgress"
    emulator.control("POST", "clock", {"advance_seconds": 3601})
    assert api.publish_version(FunctionName="slow")["Version"] == "1"
