"""The operators against a real emulator process: a whole retraining, task by task, payload by payload."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskDeferred,
)
from airflow.sdk import DAG, BaseOperator

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

pytestmark = pytest.mark.xdist_group("pipeline")  # one worker trains for the whole module
BUCKET = "rft-operators"
ARTIFACTS = f"s3://{BUCKET}/artifacts"
MODEL = "openai.gpt-oss-20b"
GRADER = """
import re

NUMBER = re.compile(r"-?\\d+(?:\\.\\d+)?")


def grade(completion: str, reference: str) -> float:
    found = NUMBER.findall(completion.replace(",", ""))
    return 1.0 if found and float(found[-1]) == float(NUMBER.findall(str(reference).replace(",", ""))[-1]) else 0.0
"""


@dataclass
class Pipeline:
    """What ran so far, and a way to run one task more."""

    folder: Path
    conn_id: str
    new_run: Any
    outputs: dict[str, Any] = field(default_factory=dict)

    def go(self, cls: Any, task_id: str, **fields: Any) -> Any:
        """Run a task; ``pipeline`` among the fields is the operator's own."""
        task = cls(task_id=task_id, aws_conn_id=self.conn_id, **fields)
        run = self.new_run(task_id)
        result = task.execute(run.context(task))
        json.dumps(result, allow_nan=False)
        self.outputs[task_id] = result
        return result

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture(scope="module")
def pipeline(aws_conn_id: str, tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Pipeline:
    s3 = BedrockRftHook(aws_conn_id).session.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    made = Pipeline(tmp_path_factory.mktemp("pipeline"), aws_conn_id, new_run)
    dataset = made.file("problems.jsonl", "".join(f"{line}\n" for line in generate_problems(300, seed=5)))
    made.outputs["parts"] = made.go(
        rft.BedrockRftSplitDatasetOperator, "split", dataset=dataset, artifacts_uri=ARTIFACTS
    )["parts"]
    made.go(
        rft.BedrockRftUploadDatasetOperator,
        "upload",
        dataset=made.outputs["parts"]["train"],
        evaluation=[made.outputs["parts"]["test"]],
    )
    made.go(
        rft.BedrockRftDeployGraderOperator,
        "grader",
        source=made.file("number.py", GRADER) + ":grade",
        function_name="operators-grader",
        preflight=made.outputs["parts"]["test"],
        preflight_options={"skip": ["probe-spray", "probe-spray-inline"]},
        artifacts_uri=ARTIFACTS,
    )
    return made


@pytest.fixture(scope="module")
def job(pipeline: Pipeline) -> Any:
    """A job that ran to its end, deferred as in production: task, trigger, task."""
    fields = {
        "model": MODEL,
        "dataset": pipeline.outputs["upload"],
        "grader": pipeline.outputs["grader"],
        "artifacts_uri": ARTIFACTS,
        "hyperparameters": {"n_epochs": 1, "batch_size": 4},
        "poll_interval_seconds": 0.2,
        "deferrable": True,
        "aws_conn_id": pipeline.conn_id,
    }
    task, run = rft.BedrockRftCreateJobOperator(task_id="train", **fields), pipeline.new_run("train")
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    _, kwargs = deferred.value.trigger.serialize()

    async def fired() -> Any:
        return await anext(rft.BedrockRftWaitTrigger(**json.loads(json.dumps(kwargs))).run())

    event = asyncio.run(fired())
    resumed = rft.BedrockRftCreateJobOperator(task_id="train", **fields)
    return resumed.execute_complete(
        run.context(resumed), event=json.loads(json.dumps(event.payload)), **(deferred.value.kwargs or {})
    )


def evaluate(pipeline: Pipeline, task_id: str, model: object, **fields: Any) -> Any:
    return pipeline.go(
        rft.BedrockRftEvaluateModelOperator,
        task_id,
        model=model,
        grader=pipeline.outputs["grader"],
        dataset=pipeline.outputs["parts"]["test"],
        artifacts_uri=ARTIFACTS,
        **fields,
    )


def test_the_same_content_is_not_uploaded_twice(pipeline: Pipeline) -> None:
    again = pipeline.go(rft.BedrockRftUploadDatasetOperator, "again", dataset=pipeline.outputs["parts"]["train"])
    assert again["reused"]
    assert again["file_id"] == pipeline.outputs["upload"]["file_id"]


def test_the_same_split_has_the_same_name(pipeline: Pipeline) -> None:
    dataset = str(pipeline.folder / "problems.jsonl")
    again = pipeline.go(rft.BedrockRftSplitDatasetOperator, "split2", dataset=dataset, artifacts_uri=ARTIFACTS)
    assert again["parts"] == pipeline.outputs["parts"]
    other = pipeline.go(
        rft.BedrockRftSplitDatasetOperator, "split3", dataset=dataset, artifacts_uri=ARTIFACTS, seed="7"
    )
    assert other["parts"] != again["parts"]


def test_the_same_grader_is_not_published_twice(pipeline: Pipeline) -> None:
    again = pipeline.go(
        rft.BedrockRftDeployGraderOperator,
        "grader2",
        source=str(pipeline.folder / "number.py") + ":grade",
        function_name="operators-grader",
    )
    assert again["reused"]
    assert again["arn"] == pipeline.outputs["grader"]["arn"]


def test_the_bench_reports_where_the_artifacts_are(pipeline: Pipeline) -> None:
    uri = pipeline.outputs["grader"]["report_uri"]
    assert uri == f"{ARTIFACTS}/graders/operators-grader/1/trial.html"
    objects = BedrockRftHook(pipeline.conn_id).session.objects
    assert b"number.py:grade" in objects.get(uri)
    assert json.loads(objects.get(uri.replace(".html", ".json")))["schema"] == "grader-test/1"


def test_a_job_through_the_trigger(job: Any) -> None:
    assert job["kind"] == "rft.job"
    assert job["status"] == "succeeded"
    assert job["tuned_model"]


def test_an_unchanged_dataset_can_be_skipped_once_it_was_trained_on(pipeline: Pipeline, job: Any) -> None:
    with pytest.raises(AirflowSkipException, match=job["job_id"]):
        pipeline.go(
            rft.BedrockRftUploadDatasetOperator,
            "upload3",
            dataset=pipeline.outputs["parts"]["train"],
            on_unchanged="skip",
        )


@pytest.mark.parametrize("rule", ["latest", "best", "one_standard_error"])
def test_checkpoints_are_chosen_and_evaluated(pipeline: Pipeline, job: Any, rule: str) -> None:
    choice = pipeline.go(
        rft.BedrockRftSelectCheckpointOperator,
        f"choose_{rule}",
        job=job,
        rule=rule,
        grader=pipeline.outputs["grader"],
        dataset=pipeline.outputs["parts"]["validation"],
        artifacts_uri=ARTIFACTS,
    )
    assert choice["checkpoint"]["step"] > 0
    assert evaluate(pipeline, f"chosen_{rule}", choice, max_samples=4)["model"] == choice["checkpoint"]["model"]


def test_sensors_see_the_job_and_its_checkpoint(pipeline: Pipeline, job: Any) -> None:
    seen = pipeline.go(rft.BedrockRftJobCompletedSensor, "completed", job=job["job_id"])
    assert seen["tuned_model"] == job["tuned_model"]
    checkpoint = pipeline.go(rft.BedrockRftCheckpointAvailableSensor, "checkpoint", job=job, step=1)
    assert checkpoint["kind"] == "rft.checkpoint"


class Seen(BaseOperator):
    """Stands after the gate."""


def gate_dag(made: Pipeline, **fields: Any) -> Any:
    with DAG("gate", schedule=None):
        gate = rft.BedrockRftPromotionGateOperator(task_id="gate", aws_conn_id=made.conn_id, **fields)
        gate >> [Seen(task_id="yes"), Seen(task_id="no")]
    return gate


def judged(made: Pipeline, **fields: Any) -> tuple[Any, list[str]]:
    """The gate's output, as a downstream task would pull it, and the tasks it skipped."""
    gate, run = gate_dag(made, **fields), made.new_run("gate")
    run.ti.task = gate
    try:
        gate.execute(run.context(gate))
    except DownstreamTasksSkipped as skipped:
        names = (task if isinstance(task, str) else task[0] for task in skipped.tasks)
        return run.ti.xcoms["return_value"], sorted(names)
    return run.ti.xcoms["return_value"], []


@pytest.fixture(scope="module")
def evaluations(pipeline: Pipeline, job: Any) -> dict[str, Any]:
    return {"baseline": evaluate(pipeline, "base", MODEL), "candidate": evaluate(pipeline, "tuned", job)}


def test_a_better_model_passes_and_is_promoted_once(pipeline: Pipeline, evaluations: Any, job: Any) -> None:
    policy = {"min_samples": "10"}
    result, skipped = judged(pipeline, pipeline="tutor", policy=policy, **evaluations)
    assert (result["verdict"], skipped) == ("promote", [])
    for _ in range(2):
        champion = pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", pipeline="tutor", gate=result)
        assert (champion["model"], champion["number"]) == (job["tuned_model"], 1)
    served = evaluate(pipeline, "champion", MODEL, champion_of="tutor", max_samples=4)
    assert served["model"] == job["tuned_model"]
    with pytest.raises(AirflowFailException, match="no earlier champion"):
        pipeline.go(rft.BedrockRftRollbackModelOperator, "rollback", pipeline="tutor", reason="Try.")
    second = pipeline.go(rft.BedrockRftPromoteModelOperator, "other", pipeline="tutor", model=MODEL, reason="By hand.")
    assert second["previous_model"] == job["tuned_model"]
    restored = pipeline.go(rft.BedrockRftRollbackModelOperator, "rollback", pipeline="tutor", reason="Regret.")
    assert restored["model"] == job["tuned_model"]


def test_a_promotion_behind_the_gates_back_is_refused(pipeline: Pipeline, evaluations: Any) -> None:
    result, _ = judged(pipeline, pipeline="raced", policy={"min_samples": 10}, **evaluations)
    pipeline.go(rft.BedrockRftPromoteModelOperator, "someone", pipeline="raced", model="other-model", reason="First.")
    with pytest.raises(Exception, match="other-model"):
        pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", pipeline="raced", gate=result)


def test_noise_is_held_and_skips_what_follows(pipeline: Pipeline, evaluations: Any) -> None:
    same = {"baseline": evaluations["baseline"], "candidate": evaluations["baseline"]}
    result, skipped = judged(pipeline, pipeline="noise", **same)
    assert (result["verdict"], skipped) == ("hold", ["no", "yes"])
    with pytest.raises(AirflowSkipException, match="did not say promote"):
        pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", pipeline="noise", gate=result)


def test_a_worse_model_is_rejected_and_branches_follow_the_verdict(pipeline: Pipeline, evaluations: Any) -> None:
    swapped = {"baseline": evaluations["candidate"], "candidate": evaluations["baseline"]}
    result, skipped = judged(pipeline, pipeline="worse", branches={"promote": "yes", "reject": "no"}, **swapped)
    assert (result["verdict"], skipped) == ("reject", ["yes"])
    _, skipped = judged(pipeline, pipeline="worse2", branches={"promote": "yes"}, **swapped)
    assert skipped == ["no", "yes"]


def test_a_comparison_is_a_payload_too(pipeline: Pipeline, evaluations: Any) -> None:
    comparison = pipeline.go(rft.BedrockRftCompareModelsOperator, "compare", **evaluations)
    assert comparison["kind"] == "rft.comparison"
    assert comparison["n_samples"] == 30


def test_a_second_evaluation_asks_for_nothing(pipeline: Pipeline, evaluations: Any) -> None:
    assert evaluate(pipeline, "base_again", MODEL)["n_requests"] == 0
    assert evaluations["baseline"]["scores"] == []  # per-sample scores stay in the object store


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("{not json", "bad.jsonl"), ('{"messages": []}', "bad.jsonl"), ("", "bad.jsonl")],
)
def test_a_bad_dataset_is_refused_before_anything_is_uploaded(pipeline: Pipeline, line: str, sentence: str) -> None:
    dataset = pipeline.file("bad.jsonl", f"{line}\n")
    for cls in (rft.BedrockRftCheckDatasetOperator, rft.BedrockRftUploadDatasetOperator):
        with pytest.raises(AirflowFailException, match=sentence):
            pipeline.go(cls, "bad", dataset=dataset)


@pytest.mark.parametrize("place", ["/no/such/file.jsonl", f"s3://{BUCKET}/no/such/object.jsonl"])
def test_a_dataset_that_is_not_there(pipeline: Pipeline, place: str) -> None:
    for cls in (rft.BedrockRftCheckDatasetOperator, rft.BedrockRftUploadDatasetOperator):
        with pytest.raises(AirflowFailException, match=place):
            pipeline.go(cls, "absent", dataset=place)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def grade(completion, reference):\n    raise RuntimeError('boom')\n", r"\[grader-raises\] .*RuntimeError"),
        ("def grade(completion, reference):\n    return 'good'\n", r"\[reward-not-a-number\]"),
        ("def grade(completion, reference:\n", "is not Python"),
        ("x = 1\n", "holds no grader"),
    ],
)
def test_a_grader_that_cannot_work_fails_before_a_job_is_paid(pipeline: Pipeline, code: str, sentence: str) -> None:
    with pytest.raises(Exception, match=sentence):
        pipeline.go(
            rft.BedrockRftDeployGraderOperator,
            "bad_grader",
            source=pipeline.file("broken.py", code),
            function_name="broken-grader",
            preflight=pipeline.outputs["parts"]["test"],
        )


def test_a_missing_connection_is_one_sentence(pipeline: Pipeline) -> None:
    task = rft.BedrockRftJobCompletedSensor(task_id="t", job="ftjob-1", aws_conn_id="nowhere")
    run = pipeline.new_run("t")
    with pytest.raises(AirflowFailException, match="connection 'nowhere' does not exist"):
        task.execute(run.context(task))
