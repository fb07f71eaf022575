"""One exam for every ``FunctionService`` and ``RoleService``: the fakes, and boto3 before the emulator's Lambda and IAM."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.clock import Clock, FakeClock
from airflow_provider_bedrock_rft.core.errors import GraderFailure, ResourceConflict, ResourceNotFound
from airflow_provider_bedrock_rft.core.grader.package import MAX_ZIP_BYTES, GraderPackage, GraderSource, build_package
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.ports import CodePlace, FunctionConfig, FunctionService, RoleService
from airflow_provider_bedrock_rft.core.steps.grader import BASIC_EXECUTION, GraderSettings, deploy_grader
from airflow_provider_bedrock_rft.core.steps.grader_versions import (
    check_deployed,
    invoke_grader,
    remove_old_versions,
)
from airflow_provider_bedrock_rft.grading.source import read_source
from airflow_provider_bedrock_rft.grading.workshop import local_scores

from .conftest import load_fakes

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Emulator

MATHS = "example_dags/graders/word_problems.py"
CODE = "def lambda_handler(event, context): return [{'id': s['id'], 'aggregate_reward_score': 1.0} for s in event]"
SAMPLES = [
    GraderSample(sample_id=f"s{n}", completion=text, reference="#### 72")
    for n, text in enumerate(["#### 72", "#### 71", "72", "#### 72.0", ""])
]


class Examinee:
    """Both services of one kind, and a name that nobody else has."""

    def __init__(self, functions: FunctionService, roles: RoleService, clock: Clock) -> None:
        self.functions = functions
        self.roles = roles
        self.clock = clock
        self.name = f"grader-{uuid.uuid4().hex[:8]}"

    def config(self, **changes: Any) -> FunctionConfig:
        role_arn = self.roles.ensure_role(
            f"{self.name}-role", trusted_service="lambda.amazonaws.com", policy={}, managed_policies=[BASIC_EXECUTION]
        )
        config = FunctionConfig(name=self.name, handler="g.lambda_handler", runtime="python3.12", role_arn=role_arn)
        return replace(config, **changes)

    def settle(self) -> None:
        while not (found := self.functions.get(self.name)) or not found.is_ready:
            self.clock.sleep(0.05)


@pytest.fixture(params=["fake", "emulator"])
def examinee(request: pytest.FixtureRequest) -> Examinee:
    if request.param == "fake":
        fakes = load_fakes("functions")
        return Examinee(fakes.FakeFunctions(), fakes.FakeRoles(), FakeClock())
    session = request.getfixturevalue("emulator").session()
    return Examinee(session.functions, session.roles, SystemClock())


def package(reply: str = "1.0") -> GraderPackage:
    code = f"def lambda_handler(event, context): return [{{'id': s['id'], 'aggregate_reward_score': {reply}}} for s in event]"
    source = GraderSource(origin="g.py", files={"g.py": code.encode()}, handler="g.lambda_handler")
    return build_package(source)


def test_a_function_that_is_not_there_is_none(examinee: Examinee) -> None:
    assert examinee.functions.get(examinee.name) is None
    with pytest.raises(ResourceNotFound):
        examinee.functions.update_code(examinee.name, package().zip_bytes)


def test_a_function_is_created_as_configured_and_once(examinee: Examinee) -> None:
    config = examinee.config(timeout_seconds=77, memory_mb=256, environment={"A": "b"}, description="d")
    made = examinee.functions.create(config, package().zip_bytes)
    assert (made.version, made.code_sha256) == ("$LATEST", package().code_sha256)
    examinee.settle()
    found = examinee.functions.get(examinee.name)
    assert found
    assert not found.failure
    assert (found.config.timeout_seconds, found.config.memory_mb) == (77, 256)
    assert dict(found.config.environment) == {"A": "b"}
    assert found.config.handler == "g.lambda_handler"
    with pytest.raises(ResourceConflict):
        examinee.functions.create(config, package().zip_bytes)


def test_a_version_is_frozen_with_the_code_that_was_meant(examinee: Examinee) -> None:
    functions, name = examinee.functions, examinee.name
    functions.create(examinee.config(), package().zip_bytes)
    examinee.settle()
    first = functions.publish(name, code_sha256=package().code_sha256, description="first")
    assert (first.version, first.description, first.arn.split(":")[-2:]) == ("1", "first", [name, "1"])
    functions.update_code(name, package("2.0").zip_bytes)
    examinee.settle()
    second = functions.publish(name, code_sha256=package("2.0").code_sha256, description="second")
    assert [version.version for version in functions.versions(name)] == ["1", "2"]
    assert json.loads(functions.invoke(first.arn, b'[{"id": "a"}]').payload)[0]["aggregate_reward_score"] == 1.0
    assert json.loads(functions.invoke(second.arn, b'[{"id": "a"}]').payload)[0]["aggregate_reward_score"] == 2.0


def test_code_that_is_not_the_one_meant_is_no_version(examinee: Examinee) -> None:
    examinee.functions.create(examinee.config(), package().zip_bytes)
    examinee.settle()
    with pytest.raises(ResourceConflict):
        examinee.functions.publish(examinee.name, code_sha256=package("2.0").code_sha256, description="")


def test_a_changed_configuration_is_another_version(examinee: Examinee) -> None:
    functions, name = examinee.functions, examinee.name
    config = examinee.config()
    functions.create(config, package().zip_bytes)
    examinee.settle()
    functions.publish(name, code_sha256=package().code_sha256, description="")
    functions.update_config(replace(config, memory_mb=1024, tags={"k": "v"}))
    examinee.settle()
    second = functions.publish(name, code_sha256=package().code_sha256, description="")
    assert (second.version, second.config.memory_mb) == ("2", 1024)


def test_an_alias_moves_and_is_called_by(examinee: Examinee) -> None:
    functions, name = examinee.functions, examinee.name
    functions.create(examinee.config(), package().zip_bytes)
    examinee.settle()
    functions.publish(name, code_sha256=package().code_sha256, description="")
    alias = functions.put_alias(name, "live", "1")
    assert alias.endswith(f"{name}:live")
    functions.update_code(name, package("2.0").zip_bytes)
    examinee.settle()
    functions.publish(name, code_sha256=package("2.0").code_sha256, description="")
    assert functions.put_alias(name, "live", "2") == alias
    found = functions.get(name, qualifier="live")
    assert found
    assert found.version == "2"
    assert b"2.0" in functions.invoke(alias, b'[{"id": "a"}]').payload


def test_a_version_is_deleted_once_or_twice(examinee: Examinee) -> None:
    functions, name = examinee.functions, examinee.name
    functions.create(examinee.config(), package().zip_bytes)
    examinee.settle()
    functions.publish(name, code_sha256=package().code_sha256, description="")
    functions.delete_version(name, "1")
    functions.delete_version(name, "1")
    assert list(functions.versions(name)) == []


def test_invoking_what_is_not_there_and_what_raises(examinee: Examinee) -> None:
    with pytest.raises(ResourceNotFound):
        examinee.functions.invoke(f"arn:aws:lambda:us-west-2:123456789012:function:{examinee.name}:1", b"[]")
    examinee.functions.create(examinee.config(), package("1 / 0").zip_bytes)
    examinee.settle()
    made = examinee.functions.publish(examinee.name, code_sha256=package("1 / 0").code_sha256, description="")
    invocation = examinee.functions.invoke(made.arn, b'[{"id": "a"}]')
    assert invocation.function_error
    assert json.loads(invocation.payload)["errorType"] == "ZeroDivisionError"
    with pytest.raises(GraderFailure, match="ZeroDivisionError"):
        invoke_grader(examinee.functions, made.arn, SAMPLES)


def test_a_role_is_made_once_and_kept_up_to_date(examinee: Examinee) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}],
    }
    wish: dict[str, Any] = {"trusted_service": "lambda.amazonaws.com", "managed_policies": [BASIC_EXECUTION]}
    first = examinee.roles.ensure_role(f"{examinee.name}-r", policy=policy, **wish)
    assert first == examinee.roles.ensure_role(f"{examinee.name}-r", policy={}, **wish)
    assert first.endswith(f":role/{examinee.name}-r")
    assert examinee.roles.account_id() == "123456789012"


def test_a_deployed_grader_agrees_with_the_local_run_to_the_last_digit(examinee: Examinee, pytestconfig: Any) -> None:
    path = str(pytestconfig.rootpath / MATHS)
    settings = GraderSettings(function_name=examinee.name)
    built = build_package(read_source(path))
    deployed = deploy_grader(examinee.functions, examinee.roles, built, settings, examinee.clock)
    again = deploy_grader(examinee.functions, examinee.roles, built, settings, examinee.clock)
    assert (again.arn, again.reused) == (deployed.arn, True)
    local = local_scores(path, SAMPLES)
    assert local == {"s0": 1.0, "s1": 0.1, "s2": 0.0, "s3": 1.0, "s4": 0.0}
    check_deployed(examinee.functions, deployed.arn, SAMPLES, local)
    with pytest.raises(GraderFailure, match=r"1 of 5 samples"):
        check_deployed(examinee.functions, deployed.arn, SAMPLES, {**local, "s1": 0.1 + 1e-16})


def test_a_redeployment_changes_nothing_for_who_holds_the_earlier_version(examinee: Examinee, tmp_path: Path) -> None:
    settings = GraderSettings(function_name=examinee.name)
    grader = tmp_path / "g.py"
    grader.write_text("def grade(completion): return 0.25\n")
    first = deploy_grader(
        examinee.functions, examinee.roles, build_package(read_source(str(grader))), settings, examinee.clock
    )
    grader.write_text("def grade(completion): return 0.75\n")
    second = deploy_grader(
        examinee.functions, examinee.roles, build_package(read_source(str(grader))), settings, examinee.clock
    )
    assert {score.value for score in invoke_grader(examinee.functions, first.arn, SAMPLES).values()} == {0.25}
    assert {score.value for score in invoke_grader(examinee.functions, second.arn, SAMPLES).values()} == {0.75}


def test_old_versions_go_unless_something_refers_to_them(examinee: Examinee) -> None:
    functions, name = examinee.functions, examinee.name
    settings = GraderSettings(function_name=name)
    for number in range(5):
        deploy_grader(functions, examinee.roles, package(f"{number}.0"), settings, examinee.clock)
    functions.put_alias(name, "live", "1")
    in_use = [f"arn:aws:lambda:us-west-2:123456789012:function:{name}:2", "arn:aws:lambda:us-west-2:1:function:other:3"]
    assert remove_old_versions(functions, name, in_use=in_use, keep=1) == ["3", "4"]
    assert [version.version for version in functions.versions(name)] == ["1", "2", "5"]


def test_deployments_at_once_each_end_in_their_own_code(emulator: Emulator) -> None:
    name = f"grader-{uuid.uuid4().hex[:8]}"
    settings = GraderSettings(function_name=name)

    def deploy(reply: str) -> tuple[str, str]:
        session = emulator.session()
        built = package(reply)
        deployed = deploy_grader(session.functions, session.roles, built, settings, SystemClock(), random=Random(reply))
        return deployed.arn, reply

    with ThreadPoolExecutor(3) as pool:
        deployed = list(pool.map(deploy, ["1.0", "2.0", "3.0"]))
    functions = emulator.session().functions
    for arn, reply in deployed:
        scores = {score.value for score in invoke_grader(functions, arn, SAMPLES).values()}
        assert scores == {float(reply)}


def test_a_package_too_large_for_a_request_is_fetched_from_s3(emulator: Emulator) -> None:
    session, name = emulator.session(), f"grader-{uuid.uuid4().hex[:8]}"
    session.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    source = GraderSource(origin="g.py", files={"g.py": CODE.encode()}, handler="g.lambda_handler")
    large = build_package(source, {"table.bin": Random(1).randbytes(51 * 2**20)})
    assert len(large.zip_bytes) > MAX_ZIP_BYTES
    settings = GraderSettings(function_name=name, packages_uri=f"s3://{name}/packages")
    wish = (session.functions, session.roles, large, settings, SystemClock())
    deployed = deploy_grader(*wish, objects=session.objects)
    assert list(session.objects.list(f"s3://{name}/")) == [f"s3://{name}/packages/{large.sha256}.zip"]
    assert {score.value for score in invoke_grader(session.functions, deployed.arn, SAMPLES).values()} == {1.0}
    assert deploy_grader(*wish, objects=session.objects).reused
    session.objects.delete(f"s3://{name}/packages/{large.sha256}.zip")


def test_layers_belong_to_a_version(emulator: Emulator) -> None:
    session, name = emulator.session(), f"grader-{uuid.uuid4().hex[:8]}"
    layer = session.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": package().zip_bytes})
    settings = GraderSettings(function_name=name)
    bare = deploy_grader(session.functions, session.roles, package(), settings, SystemClock())
    layered = replace(settings, layers=(layer["LayerVersionArn"],))
    deployed = deploy_grader(session.functions, session.roles, package(), layered, SystemClock())
    assert (bare.version, deployed.version) == ("1", "2")
    assert [tuple(version.config.layers) for version in session.functions.versions(name)] == [(), layered.layers]
    assert deploy_grader(session.functions, session.roles, package(), layered, SystemClock()).reused


def test_an_image_is_a_function_without_handler_runtime_and_layers(emulator: Emulator) -> None:
    session, name = emulator.session(), f"grader-{uuid.uuid4().hex[:8]}"
    examinee = Examinee(session.functions, session.roles, SystemClock())
    image = f"123456789012.dkr.ecr.us-west-2.amazonaws.com/graders/maths@sha256:{'a' * 64}"
    config = examinee.config(name=name, handler="", runtime="", layers=("not-for-images",))
    made = session.functions.create(config, CodePlace(image_uri=image))
    assert (made.config.runtime, made.config.handler, tuple(made.config.layers)) == ("", "", ())
    first = session.functions.publish(name, code_sha256=made.code_sha256, description="")
    updated = session.functions.update_code(name, CodePlace(image_uri=image.replace("a" * 64, "b" * 64)))
    second = session.functions.publish(name, code_sha256=updated.code_sha256, description="")
    assert (first.version, second.version) == ("1", "2")
    assert first.code_sha256 != second.code_sha256


def test_concurrency_is_reserved(emulator: Emulator) -> None:
    session, name = emulator.session(), f"grader-{uuid.uuid4().hex[:8]}"
    settings = GraderSettings(function_name=name, reserved_concurrency=2)
    deploy_grader(session.functions, session.roles, package(), settings, SystemClock())
    found = session.client("lambda").get_function_concurrency(FunctionName=name)
    assert found["ReservedConcurrentExecutions"] == 2
