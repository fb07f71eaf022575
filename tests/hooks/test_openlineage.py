"""What OpenLineage is told; its provider is optional, and all else works without it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.job.spec import JobSpec, RftHyperparameters
from airflow_provider_bedrock_rft.hooks import stages
from airflow_provider_bedrock_rft.hooks.lineage import StageFacts
from airflow_provider_bedrock_rft.hooks.openlineage import datasets_of, grader_version_of, is_heard, lineage_of

GRADER = "arn:aws:lambda:us-west-2:123456789012:function:grader:7"
SPEC = JobSpec(
    model="openai.gpt-oss-20b",
    training_data="s3://bucket/data/train set.jsonl",
    grader_arn=GRADER,
    hyperparameters=RftHyperparameters(n_epochs=2, batch_size=16),
    dataset_fingerprint="f" * 64,
)
JOB = Job(
    job_id="ftjob-1",
    status="succeeded",
    model="openai.gpt-oss-20b",
    training_data=SPEC.training_data,
    grader_arn=GRADER,
    created_at=1.0,
    tuned_model="ft-1",
)
FACTS = stages.of_job(JOB, SPEC, Curve())

has_provider = pytest.mark.skipif(not find_spec("openlineage"), reason="the openlineage extra is not installed")


def test_files_go_by_their_bucket_and_everything_else_by_our_namespace() -> None:
    assert datasets_of(FACTS.inputs) == [
        ("bedrock-rft", "model/openai.gpt-oss-20b"),
        ("bedrock-rft", f"dataset/{'f' * 64}"),
        ("s3://bucket", "data/train set.jsonl"),
        ("bedrock-rft", f"grader/{GRADER}"),
    ]
    assert datasets_of(FACTS.outputs) == [("bedrock-rft", "job/ftjob-1"), ("bedrock-rft", "model/ft-1")]


def test_the_graders_version_is_that_of_its_arn() -> None:
    assert grader_version_of(FACTS) == "7"
    assert grader_version_of(StageFacts(stage="job", inputs={"grader": ("grader", GRADER[:-2])})) == ""
    assert grader_version_of(StageFacts(stage="dataset")) == ""


@pytest.mark.skipif(bool(find_spec("openlineage")), reason="the openlineage extra is installed")
def test_nobody_listens_without_the_provider() -> None:
    assert not is_heard()


@has_provider
def test_the_provider_gets_datasets_and_a_facet() -> None:
    from openlineage.client.serde import Serde

    lineage = lineage_of(FACTS)
    assert [(d.namespace, d.name) for d in lineage.outputs] == datasets_of(FACTS.outputs)
    facet = Serde.to_dict(lineage.run_facets["bedrockRft"])
    assert facet["stage"] == "job"
    assert facet["parameters"] == {"n_epochs": "2", "batch_size": "16"}
    assert facet["graderVersion"] == "7"
    assert facet["_schemaURL"].startswith("https://")


@has_provider
def test_somebody_listens_once_a_transport_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.openlineage import conf

    assert not is_heard()
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"type": "console"}')
    for cached in (conf.is_disabled, conf.transport):
        getattr(cached, "cache_clear", lambda: None)()
    assert is_heard()
