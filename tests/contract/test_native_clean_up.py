"""Deployments and custom models are seen and removed, deployments first: our clients before the emulator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock
from airflow_provider_bedrock_rft.core.deployment import DeploymentKind, DeploymentSpec
from airflow_provider_bedrock_rft.core.errors import ResourceConflict
from airflow_provider_bedrock_rft.core.promotion.retention import RetentionPlan, Stored
from airflow_provider_bedrock_rft.core.steps.deployment import DeploymentPolicy, delete_deployment
from airflow_provider_bedrock_rft.core.steps.inventory import CUSTOM_MODEL, DEPLOYMENT, removers_of
from airflow_provider_bedrock_rft.core.steps.retention import clean_up

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.deployment import Deployment

BUCKET = "rft-clean-up"


@pytest.fixture
def model(emulator: Any) -> str:
    """A custom model of the test's own."""
    session = emulator.session()
    s3 = session.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    name = f"m{os.urandom(4).hex()}"
    session.objects.put_bytes(f"s3://{BUCKET}/{name}/weights.bin", b"x")
    source = {"s3DataSource": {"s3Uri": f"s3://{BUCKET}/{name}/"}}
    made = session.client("bedrock").create_custom_model(modelName=name, modelSourceConfig=source)
    return str(made["modelArn"])


@pytest.fixture(params=list(DeploymentKind))
def deployed(request: pytest.FixtureRequest, emulator: Any, model: str) -> Deployment:
    spec = DeploymentSpec(custom_model=model, kind=request.param)
    found: Deployment = emulator.session().deployments.create(spec, token=os.urandom(8).hex())
    return found


def test_every_deployment_is_listed(emulator: Any, deployed: Deployment, model: str) -> None:
    listed = {one.model: one for one in emulator.session().deployments.list()}
    assert listed[deployed.model].custom_model == model
    assert listed[deployed.model].name == deployed.name
    assert listed[deployed.model].serving is deployed.serving


def test_a_model_goes_after_what_serves_it(emulator: Any, deployed: Deployment, model: str) -> None:
    session = emulator.session()
    with pytest.raises(ResourceConflict):
        session.native_training.delete_model(model)

    def take_out_of_service(arn: str) -> None:
        delete_deployment(session.deployments, arn, clock=SystemClock(), policy=DeploymentPolicy(poll_seconds=0.2))

    older = Stored(kind=CUSTOM_MODEL, reference=f"model:{model}", created_at=0.0)
    newer = Stored(kind=DEPLOYMENT, reference=f"model:{deployed.model}", created_at=1.0, refers_to=(f"model:{model}",))
    plan = RetentionPlan(removed=(older, newer), kept={})
    removers = removers_of(
        session.training, session.functions, native=session.native_training, delete_deployment=take_out_of_service
    )
    assert clean_up(plan, removers) == (newer, older)
    assert deployed.model in {one.model for one in session.deployments.list()}, "a dry run removes nothing"
    assert clean_up(plan, removers, is_dry_run=False) == (newer, older)
    assert deployed.model not in {one.model for one in session.deployments.list()}
    models = session.client("bedrock").list_custom_models()["modelSummaries"]
    assert model not in {one["modelArn"] for one in models}
