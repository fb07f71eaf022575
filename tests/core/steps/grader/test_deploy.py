from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.codec import dump, load
from airflow_provider_bedrock_rft.core.errors import (
    AccessDenied,
    ConnectionLost,
    GraderFailure,
    InvalidGrader,
    InvalidIdentifier,
    RequestRejected,
    ResourceConflict,
    Throttled,
    WaitTimeout,
)
from airflow_provider_bedrock_rft.core.grader.tier import Tier, require_pinned
from airflow_provider_bedrock_rft.core.ports import FunctionConfig
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.grader.package import GraderPackage

SETTINGS = GraderSettings(function_name="maths")
N_CALLS_OF_A_FIRST_DEPLOYMENT = 8


def deploy(
    functions: Any,
    roles: Any,
    package: GraderPackage,
    settings: GraderSettings = SETTINGS,
) -> DeployedGrader:
    return deploy_grader(functions, roles, package, settings, FakeClock(), random=Random(1))


def test_a_first_deployment_makes_role_function_version_and_alias(fakes: ModuleType, package: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    deployed = deploy(functions, roles, package)
    assert deployed.arn == "arn:aws:lambda:us-west-2:123456789012:function:maths:1"
    assert (deployed.version, deployed.reused, deployed.fingerprint) == ("1", False, package.fingerprint)
    assert functions.functions["maths"].aliases == {"live": "1"}
    version = next(functions.versions("maths"))
    assert package.fingerprint in version.description
    assert version.config.timeout_seconds == 300
    assert functions.functions["maths"].latest.config.tags["rft-fingerprint"] == package.fingerprint
    assert list(roles.roles) == ["maths-role"]
    assert load(DeployedGrader, dump(deployed)) == deployed


def test_unchanged_content_publishes_nothing(fakes: ModuleType, package: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    first, second = deploy(functions, roles, package), deploy(functions, roles, package)
    assert second == replace(first, reused=True)
    assert functions.trouble.calls.count("publish") == 1
    assert "update_code" not in functions.trouble.calls


def test_going_back_to_earlier_content_reuses_its_version(
    fakes: ModuleType, package: GraderPackage, other_package: GraderPackage
) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    first = deploy(functions, roles, package)
    second = deploy(functions, roles, other_package)
    third = deploy(functions, roles, package)
    assert (first.version, second.version, third.version, third.reused) == ("1", "2", "1", True)
    assert functions.functions["maths"].aliases == {"live": "1"}


@pytest.mark.parametrize(
    "change",
    [
        {"timeout_seconds": 60},
        {"memory_mb": 1024},
        {"environment": {"A": "b"}},
        {"layers": ("arn:x:1",)},
        {"role_arn": "r"},
    ],
)
def test_another_configuration_is_another_version(
    fakes: ModuleType, package: GraderPackage, change: dict[str, Any]
) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    deploy(functions, roles, package)
    assert deploy(functions, roles, package, replace(SETTINGS, **change)).version == "2"


def test_other_tags_alone_are_the_same_version(fakes: ModuleType, package: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    deploy(functions, roles, package)
    assert deploy(functions, roles, package, replace(SETTINGS, tags={"team": "a"})).reused


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(1, N_CALLS_OF_A_FIRST_DEPLOYMENT + 1))
def test_a_worker_killed_at_any_call_leaves_nothing_that_a_rerun_does_not_finish(
    fakes: ModuleType, package: GraderPackage, call: int, when: str
) -> None:
    trouble = fakes.Trouble(**{when: {call: fakes.WorkerKilled()}})
    functions, roles = fakes.FakeFunctions(trouble=trouble), fakes.FakeRoles(trouble=trouble)
    with pytest.raises(fakes.WorkerKilled):
        deploy(functions, roles, package)
    deployed = deploy(functions, roles, package)
    assert deployed.version == "1"
    assert len(functions.functions["maths"].versions) == 1
    assert functions.functions["maths"].aliases == {"live": "1"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 9))
def test_a_worker_killed_in_a_redeployment_too(
    fakes: ModuleType, package: GraderPackage, other_package: GraderPackage, call: int, when: str
) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    deploy(functions, roles, package)
    functions.trouble = roles.trouble = fakes.Trouble(**{when: {call: fakes.WorkerKilled()}})
    changed = replace(SETTINGS, memory_mb=1024)
    with pytest.raises(fakes.WorkerKilled):
        deploy(functions, roles, other_package, changed)
    assert functions.functions["maths"].aliases in ({"live": "1"}, {"live": "2"})
    deployed = deploy(functions, roles, other_package, changed)
    assert deployed.version == "2"
    assert len(functions.functions["maths"].versions) == 2
    assert functions.functions["maths"].aliases == {"live": "2"}


@pytest.mark.parametrize("error", [Throttled("slow down"), ConnectionLost("no answer")])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(1, N_CALLS_OF_A_FIRST_DEPLOYMENT + 1))
def test_transient_errors_at_any_call_are_survived(
    fakes: ModuleType, package: GraderPackage, call: int, when: str, error: Exception
) -> None:
    trouble = fakes.Trouble(**{when: {call: error}})
    functions, roles = fakes.FakeFunctions(trouble=trouble), fakes.FakeRoles(trouble=trouble)
    assert deploy(functions, roles, package).version == "1"
    assert len(functions.functions["maths"].versions) == 1


def test_a_role_that_lambda_does_not_know_yet_is_waited_for(fakes: ModuleType, package: GraderPackage) -> None:
    functions = fakes.FakeFunctions(n_role_refusals=3)
    assert deploy(functions, fakes.FakeRoles(), package).version == "1"


def test_a_role_that_lambda_never_accepts_is_an_error(fakes: ModuleType, package: GraderPackage) -> None:
    with pytest.raises(RequestRejected, match="assumed"):
        deploy(fakes.FakeFunctions(n_role_refusals=999), fakes.FakeRoles(), package)


def test_a_given_role_is_not_touched_and_not_waited_for(fakes: ModuleType, package: GraderPackage) -> None:
    roles = fakes.FakeRoles()
    settings = replace(SETTINGS, role_arn="arn:aws:iam::123456789012:role/mine")
    with pytest.raises(RequestRejected):
        deploy(fakes.FakeFunctions(n_role_refusals=1), roles, package, settings)
    assert roles.roles == {}


def test_an_update_in_progress_is_waited_for(
    fakes: ModuleType, package: GraderPackage, other_package: GraderPackage
) -> None:
    functions = fakes.FakeFunctions(n_reads_pending=5)
    deploy(functions, fakes.FakeRoles(), package)
    functions.functions["maths"].pending_reads = 5
    assert deploy(functions, fakes.FakeRoles(), other_package).version == "2"


def test_a_function_that_never_gets_ready_ends_the_wait(fakes: ModuleType, package: GraderPackage) -> None:
    with pytest.raises(WaitTimeout, match="not ready after 300 s"):
        deploy(fakes.FakeFunctions(n_reads_pending=10**6), fakes.FakeRoles(), package)


def test_a_failed_update_is_reported_in_lambdas_words_and_can_be_mended(
    fakes: ModuleType, package: GraderPackage, other_package: GraderPackage
) -> None:
    functions, roles = fakes.FakeFunctions(broken_packages={package.zip_bytes}), fakes.FakeRoles()
    with pytest.raises(GraderFailure, match="InvalidImage"):
        deploy(functions, roles, package)
    assert deploy(functions, roles, other_package).version == "1"


def test_of_two_deployments_at_once_each_publishes_its_own_code(
    fakes: ModuleType, package: GraderPackage, other_package: GraderPackage
) -> None:
    functions, roles = fakes.FakeFunctions(n_reads_pending=0), fakes.FakeRoles()
    third = replace(package, zip_bytes=b"third", fingerprint="3")
    deploy(functions, roles, package)

    def intrude() -> None:
        functions.after_update = None
        functions.update_code("maths", third.zip_bytes)

    functions.after_update = intrude
    ours = deploy(functions, roles, other_package)
    version, code = functions.functions["maths"].versions[int(ours.version)]
    assert code == other_package.zip_bytes
    assert other_package.fingerprint in version.description


def test_a_version_frozen_with_anothers_configuration_is_not_taken(fakes: ModuleType, package: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(n_reads_pending=0), fakes.FakeRoles()
    publish = functions.publish

    def intrude(name: str, **wanted: str) -> object:
        functions.publish = publish
        theirs = FunctionConfig(name=name, handler="x.y", runtime="python3.12", role_arn="r")
        functions.update_config(theirs)
        return publish(name, **wanted)

    functions.publish = intrude
    deployed = deploy(functions, roles, package)
    assert deployed.version == "2"
    assert functions.functions["maths"].versions[2][0].config.handler == package.handler


def test_a_refusal_for_good_is_not_repeated(fakes: ModuleType, package: GraderPackage) -> None:
    trouble = fakes.Trouble(before={1: AccessDenied("no")})
    with pytest.raises(AccessDenied):
        deploy(fakes.FakeFunctions(trouble=trouble), fakes.FakeRoles(trouble=trouble), package)
    assert len(trouble.calls) == 1


def test_a_conflict_that_does_not_end_is_raised_at_the_deadline(fakes: ModuleType, package: GraderPackage) -> None:
    trouble = fakes.Trouble(before={number: ResourceConflict("busy") for number in range(2, 999)})
    with pytest.raises(ResourceConflict):
        deploy(fakes.FakeFunctions(trouble=trouble), fakes.FakeRoles(trouble=trouble), package)


@pytest.mark.parametrize(
    ("name", "tier"), [("maths", Tier.HYPERPOD), ("has space", Tier.BEDROCK), ("x" * 65, Tier.BEDROCK)]
)
def test_a_name_the_tier_would_refuse_is_refused_before_anything_is_made(
    fakes: ModuleType, package: GraderPackage, name: str, tier: Tier
) -> None:
    roles = fakes.FakeRoles()
    with pytest.raises(InvalidIdentifier):
        deploy(fakes.FakeFunctions(), roles, package, GraderSettings(function_name=name, tier=tier))
    assert roles.roles == {}


def test_hyperpod_takes_a_name_with_sagemaker_in_it(fakes: ModuleType, package: GraderPackage) -> None:
    settings = GraderSettings(function_name="maths-SageMaker", tier=Tier.HYPERPOD)
    assert deploy(fakes.FakeFunctions(), fakes.FakeRoles(), package, settings).version == "1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timeout_seconds": 0}, "timeout_seconds is 0; Lambda takes 1 to 900"),
        ({"timeout_seconds": 901}, "timeout_seconds is 901"),
        ({"memory_mb": 64}, "memory_mb is 64; Lambda takes 128 to 10240"),
        ({"reserved_concurrency": -1}, "reserved_concurrency is -1"),
        ({"reserved_concurrency": 11, "tier": Tier.SAGEMAKER}, "sagemaker calls up to 12 at once"),
        ({"reserved_concurrency": 99, "tier": Tier.HYPERPOD, "function_name": "a-SageMaker"}, "up to 100 at once"),
    ],
)
def test_limits_that_would_fail_later_are_refused_now(
    fakes: ModuleType, package: GraderPackage, change: dict[str, Any], message: str
) -> None:
    roles = fakes.FakeRoles()
    with pytest.raises(InvalidGrader, match=message):
        deploy(fakes.FakeFunctions(), roles, package, replace(SETTINGS, **change))
    assert roles.roles == {}


def test_concurrency_is_reserved_before_the_alias_moves(fakes: ModuleType, package: GraderPackage) -> None:
    functions = fakes.FakeFunctions()
    deploy(functions, fakes.FakeRoles(), package, replace(SETTINGS, reserved_concurrency=12, tier=Tier.SAGEMAKER))
    assert functions.functions["maths"].reserved == 12
    calls = functions.trouble.calls
    assert calls.index("publish") < calls.index("reserve_concurrency") < calls.index("put_alias")


@pytest.mark.parametrize("suffix", ["", ":$LATEST", ":live"])
def test_a_job_is_refused_a_grader_that_can_be_swapped(suffix: str) -> None:
    arn = f"arn:aws:lambda:us-west-2:123456789012:function:maths{suffix}"
    with pytest.raises(InvalidGrader, match="not pinned"):
        require_pinned(arn)
    assert require_pinned(arn, allow_unpinned=True) == arn


def test_a_published_version_is_accepted() -> None:
    arn = "arn:aws:lambda:us-west-2:123456789012:function:maths:12"
    assert require_pinned(arn) == arn
