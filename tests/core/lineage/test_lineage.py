from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core import codec
from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, ResourceNotFound
from airflow_provider_bedrock_rft.core.identifiers import S3Uri
from airflow_provider_bedrock_rft.core.lineage.graph import Lineage, changes_between
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage, folder_of, ref
from airflow_provider_bedrock_rft.core.lineage.report import changes_text, story_text


def run(number: int, *, dataset: str, model: str, gain: float = 0.1) -> list[Manifest]:
    def stage(which: Stage, inputs: dict[str, str], outputs: dict[str, str], **results: float) -> Manifest:
        return Manifest(
            pipeline="maths",
            run_id=f"run-{number}",
            stage=which,
            inputs=inputs,
            outputs=outputs,
            parameters={"seed": "0"},
            results=results,
            started_at=number * 1000.0,
            finished_at=number * 1000.0 + 60,
        )

    data, tuned, grader = ref("dataset", dataset), ref("model", model), ref("grader", "arn:aws:lambda:x:7")
    evaluation = ref("evaluation", f"s3://b/{model}.jsonl")
    return [
        stage(Stage.DATASET, {}, {"dataset": data}),
        stage(Stage.GRADER, {}, {"grader": grader}),
        stage(
            Stage.JOB, {"dataset": data, "grader": grader, "base": ref("model", "base")}, {"tuned": tuned}, reward=0.9
        ),
        stage(Stage.EVALUATION, {"model": tuned, "grader": grader}, {"evaluation": evaluation}),
        stage(Stage.DECISION, {"candidate": evaluation}, {"decision": ref("decision", str(number))}, gain=gain),
    ]


@pytest.fixture
def lineage() -> Lineage:
    return Lineage([*run(1, dataset="d1", model="m1"), *run(2, dataset="d2", model="m2", gain=0.2)])


def test_a_models_story_goes_from_dataset_to_decision(lineage: Lineage) -> None:
    story = lineage.story("model:m1")
    assert [manifest.stage.value for manifest in story] == [
        "dataset",
        "grader",
        "grader",
        "job",
        "evaluation",
        "decision",
    ]
    assert {manifest.run_id for manifest in story if manifest.stage is Stage.JOB} == {"run-1"}
    text = story_text("model:m1", story)
    assert "<- dataset: dataset:d1" in text
    assert "gain: 0.1" in text
    assert "d2" not in text


def test_what_a_dataset_went_into(lineage: Lineage) -> None:
    assert [m.stage for m in lineage.consequences("dataset:d1")] == [Stage.JOB, Stage.EVALUATION, Stage.DECISION]


def test_everything_behind_a_model(lineage: Lineage) -> None:
    behind = lineage.references_behind("model:m1")
    assert behind >= {"model:m1", "dataset:d1", "grader:arn:aws:lambda:x:7", "model:base"}
    assert "dataset:d2" not in behind
    assert lineage.references_behind("model:unknown") == {"model:unknown"}


def test_the_diff_of_two_runs_names_what_changed(lineage: Lineage) -> None:
    changes = changes_between(lineage.run("run-1"), lineage.run("run-2"))
    found = {(change.stage.value, change.what, change.name): (change.before, change.after) for change in changes}
    assert found["job", "input", "dataset"] == ("dataset:d1", "dataset:d2")
    assert found["decision", "result", "gain"] == ("0.1", "0.2")
    assert ("job", "parameter", "seed") not in found
    assert "dataset:d1 -> dataset:d2" in changes_text("run-1", "run-2", changes)
    assert changes_between(lineage.run("run-1"), lineage.run("run-1")) == ()
    assert "nothing changed" in changes_text("a", "b", ())


@pytest.mark.parametrize("reference", ["model:m9", "dataset:d9"])
def test_the_unknown_is_named(lineage: Lineage, reference: str) -> None:
    with pytest.raises(ResourceNotFound, match=reference):
        lineage.story(reference)


def test_an_unknown_run_is_named(lineage: Lineage) -> None:
    with pytest.raises(ResourceNotFound, match="run-9"):
        lineage.run("run-9")


def test_a_circle_ends() -> None:
    loop = Manifest(pipeline="p", run_id="r", stage=Stage.JOB, inputs={"base": "model:a"}, outputs={"tuned": "model:a"})
    assert Lineage([loop]).story("model:a") == (loop,)


def test_a_retry_writes_the_same_manifest_to_the_same_place() -> None:
    first, again = run(1, dataset="d", model="m")[2], run(1, dataset="d", model="m")[2]
    assert first.path == again.path
    assert codec.load(Manifest, codec.dump(first)) == first


@given(st.text(min_size=1, max_size=60))
def test_every_run_id_has_a_folder_of_its_own_that_s3_takes(run_id: str) -> None:
    folder = folder_of(run_id)
    assert S3Uri.parse(f"s3://bucket/{folder.replace('_', '-')}/x")
    assert "/" not in folder


def test_run_ids_of_airflow_stay_apart() -> None:
    assert folder_of("scheduled__2026-01-01T00:00:00+00:00") != folder_of("scheduled__2026-01-01T00:00:00-00:00")


@pytest.mark.parametrize(("kind", "name"), [("", "x"), ("Model", "x"), ("model", ""), ("model", "a b")])
def test_references_that_are_none(kind: str, name: str) -> None:
    with pytest.raises(InvalidIdentifier):
        ref(kind, name)
