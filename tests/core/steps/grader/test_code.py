"""How code gets to Lambda: in the request, by way of S3, or as an image."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import InvalidGrader, InvalidIdentifier, Throttled
from airflow_provider_bedrock_rft.core.grader.image import GraderImage
from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader, GraderSettings, deploy_grader

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_bedrock_rft.core.grader.package import GraderPackage

REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
IMAGE = GraderImage(image_uri=f"{REGISTRY}/graders/maths@sha256:{'a1' * 32}")
OTHER = GraderImage(image_uri=f"{REGISTRY}/graders/maths@sha256:{'b2' * 32}")
BY_S3 = GraderSettings(function_name="maths", packages_uri="s3://bucket/packages/")


def deploy(functions: Any, roles: Any, code: Any, settings: GraderSettings, objects: Any = None) -> DeployedGrader:
    return deploy_grader(functions, roles, code, settings, FakeClock(), random=Random(1), objects=objects)


@pytest.fixture
def large(package: GraderPackage) -> GraderPackage:
    return replace(package, zip_bytes=bytes(51 * 2**20))


def test_a_package_above_50_mb_goes_by_way_of_s3(fakes: ModuleType, large: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    deployed = deploy(functions, roles, large, BY_S3, fakes.FakeObjects(functions))
    assert list(functions.stored) == [f"s3://bucket/packages/{large.sha256}.zip"]
    assert functions.functions["maths"].package == large.zip_bytes
    assert next(functions.versions("maths")).code_sha256 == large.code_sha256
    again = deploy(functions, roles, large, BY_S3, fakes.FakeObjects(functions))
    assert (again.version, again.reused) == (deployed.version, True)


def test_a_package_is_stored_once_and_a_throttled_store_is_asked_again(fakes: ModuleType, large: GraderPackage) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    objects = fakes.FakeObjects(functions, fakes.Trouble(before={1: Throttled("slow down")}))
    deploy(functions, roles, large, BY_S3, objects)
    deploy(functions, roles, large, replace(BY_S3, function_name="other"), objects)
    assert objects.trouble.calls.count("put_bytes") == 1


def test_a_small_package_needs_no_place(fakes: ModuleType, package: GraderPackage) -> None:
    functions = fakes.FakeFunctions()
    deploy(functions, fakes.FakeRoles(), package, BY_S3, fakes.FakeObjects(functions))
    assert functions.stored == {}


def test_a_large_package_without_a_place_is_refused_before_anything_is_made(
    fakes: ModuleType, large: GraderPackage
) -> None:
    functions, roles = fakes.FakeFunctions(), fakes.FakeRoles()
    with pytest.raises(InvalidGrader, match=r"51 MB zipped; Lambda takes 50 MB") as refused:
        deploy(functions, roles, large, replace(BY_S3, packages_uri=""), fakes.FakeObjects(functions))
    assert "packages_uri" in refused.value.action
    with pytest.raises(InvalidIdentifier):
        deploy(functions, roles, large, replace(BY_S3, packages_uri="bucket/x"), fakes.FakeObjects(functions))
    assert (functions.functions, roles.roles) == ({}, {})


def test_an_image_is_deployed_and_published_as_versions_too(fakes: ModuleType) -> None:
    functions, roles, settings = fakes.FakeFunctions(), fakes.FakeRoles(), GraderSettings(function_name="maths")
    first = deploy(functions, roles, IMAGE, settings)
    assert (first.version, first.fingerprint) == ("1", "a1" * 32)
    assert deploy(functions, roles, IMAGE, settings).reused
    second = deploy(functions, roles, OTHER, settings)
    assert (second.version, functions.functions["maths"].aliases) == ("2", {"live": "2"})
    assert functions.functions["maths"].versions[1][0].code_sha256 == "a1" * 32
    assert functions.functions["maths"].latest.config.runtime == ""


@pytest.mark.parametrize("tail", [":latest", "", "@sha256:abc", ":v1@sha256:" + "a" * 64])
def test_an_image_that_can_be_swapped_is_refused(tail: str) -> None:
    with pytest.raises(InvalidGrader, match="not named by its digest") as refused:
        GraderImage(image_uri=f"{REGISTRY}/graders/maths{tail}")
    assert "@sha256:" in refused.value.action


def test_an_image_elsewhere_than_in_ecr_is_refused() -> None:
    with pytest.raises(InvalidGrader, match="in ECR"):
        GraderImage(image_uri=f"docker.io/library/python@sha256:{'a' * 64}")


@pytest.mark.parametrize("image_first", [True, False])
def test_a_function_cannot_change_its_kind(fakes: ModuleType, package: GraderPackage, *, image_first: bool) -> None:
    functions, roles, settings = fakes.FakeFunctions(), fakes.FakeRoles(), GraderSettings(function_name="maths")
    first, second = (IMAGE, package) if image_first else (package, IMAGE)
    deploy(functions, roles, first, settings)
    with pytest.raises(InvalidGrader, match="was made for"):
        deploy(functions, roles, second, settings)
