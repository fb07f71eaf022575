"""A retraining on the native plane against a real emulator process: S3, a role to measure, a job, a deployment."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.module_loading import import_string
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.core.errors import JobFailure
from airflow_provider_bedrock_rft.core.lineage.manifest import Manifest, Stage
from airflow_provider_bedrock_rft.core.steps.lineage import write_manifest
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.triggers.readiness import BedrockRftReadinessTrigger

pytestmark = pytest.mark.xdist_group("native_plane")  # one worker trains for the whole module
BUCKET = "rft-native"
ARTIFACTS = f"s3://{BUCKET}/artifacts"
REGION = "us-east-1"
MODEL = "amazon.nova-2-lite-v1:0:256k"
GRADER = Path(__file__).parents[2] / "example_dags" / "graders" / "word_problems.py"


@dataclass
class Plane:
    """What ran so far, and a way to run one task more; every task names the region, as the example DAG's do."""

    folder: Path
    conn_id: str
    new_run: Any
    outputs: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def hook(self) -> BedrockRftHook:
        return BedrockRftHook(self.conn_id, region_name=REGION)

    def task(self, cls: Any, task_id: str, **fields: Any) -> Any:
        made = cls(task_id=task_id, aws_conn_id=self.conn_id, region_name=REGION, **fields)
        made.hook = self.hook
        return made

    def go(self, cls: Any, task_id: str, **fields: Any) -> Any:
        task = self.task(cls, task_id, **fields)
        result = task.execute(self.new_run(task_id).context(task))
        json.dumps(result, allow_nan=False)
        self.outputs[task_id] = result
        return result

    def training(self, **fields: Any) -> dict[str, Any]:
        return {
            "model": MODEL,
            "dataset": self.outputs["upload"],
            "grader": self.outputs["grader"],
            "artifacts_uri": ARTIFACTS,
            "hyperparameters": {"n_epochs": 1, "batch_size": 16, "samples_per_prompt": 4, "learning_rate": 5e-5},
            "poll_interval_seconds": 0.2,
            **fields,
        }


@pytest.fixture(scope="module")
def plane(aws_conn_id: str, tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Plane:
    made = Plane(tmp_path_factory.mktemp("native"), aws_conn_id, new_run)
    made.hook.session.client("s3").create_bucket(Bucket=BUCKET)
    path = made.folder / "problems.jsonl"
    path.write_text("".join(f"{line}\n" for line in generate_problems(250, seed=5)), encoding="utf-8")
    parts = made.go(
        rft.BedrockRftSplitDatasetOperator,
        "split",
        dataset=str(path),
        artifacts_uri=ARTIFACTS,
        fractions={"train": 0.67, "test": 0.33},
    )["parts"]
    made.outputs["parts"] = parts
    upload = {"dataset": parts["train"], "plane": "native", "artifacts_uri": ARTIFACTS}
    made.go(rft.BedrockRftUploadDatasetOperator, "upload", evaluation=[parts["test"]], **upload)
    made.go(
        rft.BedrockRftDeployGraderOperator, "grader", source=f"{GRADER}:grade", function_name="native-operators-grader"
    )
    return made


@pytest.fixture(scope="module")
def job(plane: Plane) -> Any:
    """A job that ran to its end, deferred as in production."""
    fields = plane.training(deferrable=True)
    task, run = plane.task(rft.BedrockRftCreateJobOperator, "train", **fields), plane.new_run("train")
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(run.context(task))
    _, kwargs = deferred.value.trigger.serialize()

    async def fired() -> Any:
        return await anext(rft.BedrockRftWaitTrigger(**json.loads(json.dumps(kwargs))).run())

    event = asyncio.run(fired())
    resumed = plane.task(rft.BedrockRftCreateJobOperator, "train", **fields)
    return resumed.execute_complete(
        run.context(resumed), event=json.loads(json.dumps(event.payload)), **(deferred.value.kwargs or {})
    )


@pytest.fixture(scope="module")
def deployment(plane: Plane, job: Any) -> Any:
    return plane.go(rft.BedrockRftDeployModelOperator, "deploy", model=job, poll_interval_seconds=0.1)


def jobs_on(plane: Plane) -> list[str]:
    return [listed.job_id for listed in plane.hook.native_training.list_jobs(created_after=0.0)]


def test_the_dataset_is_an_object_named_by_its_content(plane: Plane) -> None:
    uploaded = plane.outputs["upload"]
    assert uploaded["file_id"].startswith(f"{ARTIFACTS}/datasets/rft-")
    again = plane.go(
        rft.BedrockRftUploadDatasetOperator,
        "again",
        dataset=plane.outputs["parts"]["train"],
        plane="native",
        artifacts_uri=ARTIFACTS,
    )
    assert again["reused"]
    assert again["file_id"] == uploaded["file_id"]


def test_the_job_has_a_model_and_a_role_that_only_bedrock_may_assume(plane: Plane, job: Any) -> None:
    assert ":custom-model/" in job["tuned_model"]
    assert job["job_id"].startswith(f"arn:aws:bedrock:{REGION}:")
    described = plane.hook.session.client("bedrock").get_model_customization_job(jobIdentifier=job["job_id"])
    iam = plane.hook.session.client("iam")
    name = described["roleArn"].rpartition("/")[2]
    (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    policy = iam.get_role_policy(RoleName=name, PolicyName="rft-access")["PolicyDocument"]["Statement"]
    resources = [resource for statement in policy for resource in statement["Resource"]]
    assert plane.outputs["grader"]["arn"] in resources
    assert not [resource for resource in resources if resource == "*" or resource.endswith(f":::{BUCKET}/*")]


def test_its_metrics_come_from_s3_as_events(plane: Plane, job: Any) -> None:
    events = list(plane.hook.native_training.list_events(job["job_id"]))
    assert events[-1].step == 1
    assert {"critic_rewards_mean", "training_loss"} <= set(events[0].metrics)
    assert [event.step for event in events] == list(range(len(events), 0, -1))


def test_a_retry_finds_the_job_again(plane: Plane, job: Any) -> None:
    before = jobs_on(plane)
    fields = plane.training(wait_for_completion=False)
    again = plane.go(rft.BedrockRftCreateJobOperator, "train", **fields)
    assert again["job_id"] == job["job_id"]
    assert jobs_on(plane) == before


def test_the_deployment_answers_and_is_not_made_twice(plane: Plane, job: Any, deployment: Any) -> None:
    assert ":custom-model-deployment/" in deployment["model"]
    assert deployment["custom_model"] == job["tuned_model"]
    again = plane.go(rft.BedrockRftDeployModelOperator, "deploy_again", model=job, poll_interval_seconds=0.1)
    assert again["model"] == deployment["model"]


def test_a_deployment_is_evaluated_as_any_model(plane: Plane, deployment: Any) -> None:
    run = plane.go(
        rft.BedrockRftEvaluateModelOperator,
        "evaluate",
        model=deployment,
        grader=plane.outputs["grader"],
        dataset=plane.outputs["parts"]["test"],
        artifacts_uri=ARTIFACTS,
        max_samples=12,
    )
    assert run["model"] == deployment["model"]
    assert run["n_samples"] == 12
    assert run["completion_tokens"] > 0


def test_provisioned_throughput_is_the_alternative(plane: Plane, job: Any) -> None:
    made = plane.go(
        rft.BedrockRftDeployModelOperator, "provision", model=job, kind="provisioned", poll_interval_seconds=0.1
    )
    assert ":provisioned-model/" in made["model"]
    plane.go(rft.BedrockRftDeleteDeploymentOperator, "release", deployment=made)
    plane.go(rft.BedrockRftDeleteDeploymentOperator, "release_again", deployment=made)


def test_a_champions_deployment_is_spared_and_another_is_deleted(plane: Plane, job: Any) -> None:
    made = plane.go(
        rft.BedrockRftDeployModelOperator, "second", model=job, deployment_name="spare", poll_interval_seconds=0.1
    )
    plane.go(rft.BedrockRftPromoteModelOperator, "promote", model=made, pipeline="native-test", reason="a test")
    delete = {"deployment": made, "unless_champion_of": "native-test"}
    assert plane.go(rft.BedrockRftDeleteDeploymentOperator, "spared", **delete) is None
    assert plane.hook.deployments.get(made["model"]).custom_model == job["tuned_model"]
    assert plane.go(rft.BedrockRftDeleteDeploymentOperator, "deleted", deployment=made) == made["model"]


def test_logged_prompts_are_trained_on_with_a_made_role(plane: Plane) -> None:
    lines = [json.loads(line) for line in generate_problems(120, seed=6)]
    entries = [
        {
            "requestId": f"request-{number}",
            "requestMetadata": {"app": "tutor"},
            "input": {"inputBodyJson": {"messages": record["messages"]}},
            "output": {"outputBodyJson": {"output": {"message": {"content": [{"text": record["reference_answer"]}]}}}},
        }
        for number, record in enumerate(lines)
    ]
    body = "\n".join(map(json.dumps, entries)).encode()
    plane.hook.objects.put_bytes(f"s3://{BUCKET}/logs/2026/log.json", body)
    logs = {"s3_uri": f"s3://{BUCKET}/logs/", "use_prompt_response": "true", "where": {"app": "tutor"}}
    fields = plane.training(dataset=None, invocation_logs=logs)
    made = plane.go(rft.BedrockRftCreateJobOperator, "train_on_logs", **fields)
    assert made["training_data"] == logs["s3_uri"]
    assert ":custom-model/" in made["tuned_model"]


@pytest.fixture(scope="module")
def batch_role(plane: Plane) -> str:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    return plane.hook.roles.ensure_role(
        "batch", trusted_service="bedrock.amazonaws.com", policy=everything, managed_policies=()
    )


def infer(plane: Plane, batch_role: str, name: str, **fields: Any) -> dict[str, Any]:
    fields = {"dataset": plane.outputs["parts"]["test"], "role_arn": batch_role, "max_tokens": "256", **fields}
    fields |= {"artifacts_uri": f"s3://{BUCKET}/{name}", "poll_interval_seconds": 0.2}
    task, run = plane.task(rft.BedrockRftBatchInferenceOperator, name, **fields), plane.new_run(name)
    try:
        result: dict[str, Any] = task.execute(run.context(task))
    except TaskDeferred as deferred:
        path, kwargs = deferred.trigger.serialize()
        made = import_string(path)(**json.loads(json.dumps(kwargs)))

        async def fired() -> Any:
            return await anext(made.run())

        event = asyncio.run(fired())
        resumed = plane.task(rft.BedrockRftBatchInferenceOperator, name, **fields)
        result = resumed.execute_complete(run.context(resumed), event=event.payload, **(deferred.kwargs or {}))
        result["was_deferred"] = True
    return result


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_custom_model_answers_a_dataset_in_one_batch_job(
    plane: Plane, job: Any, batch_role: str, *, deferrable: bool
) -> None:
    name = f"batch-{deferrable}"
    first = infer(plane, batch_role, name, model=job, deferrable=deferrable)
    assert first.pop("was_deferred", False) is deferrable
    assert (first["status"], first["n_done"]) == ("Completed", first["n_records"])
    answers = b"".join(
        plane.hook.objects.get(uri)
        for uri in plane.hook.objects.list(first["output_uri"])
        if uri.endswith(".jsonl.out")
    )
    assert len(answers.splitlines()) == first["n_records"] > 50
    assert infer(plane, batch_role, name, model=job) == first


def test_a_batch_job_that_failed_is_followed_by_another(plane: Plane, job: Any, batch_role: str) -> None:
    with pytest.raises(JobFailure, match=r"The batch job .* failed"):
        infer(plane, f"{batch_role}-gone", "failing", model=job)
    assert infer(plane, batch_role, "failing", model=job)["status"] == "Completed"


def test_what_batch_inference_does_not_serve_is_said(plane: Plane, deployment: Any, batch_role: str) -> None:
    for model in (deployment["model"], "openai.gpt-oss-20b"):
        with pytest.raises(AirflowFailException, match="not served in batch"):
            infer(plane, batch_role, "refused", model=model)


def test_a_deployment_is_waited_for_in_the_triggerer(plane: Plane, deployment: Any) -> None:
    """One that is ready, or gone, wakes its task; which then looks for itself."""
    fields = {"poll_seconds": 0.1, "aws_conn_id": plane.conn_id, "region_name": REGION, "deadline_at": time.time() + 60}
    names = {"deployment": deployment["model"], "custom_model": deployment["custom_model"]}

    async def fired(**asked: Any) -> Any:
        made = BedrockRftReadinessTrigger(**asked)
        again = BedrockRftReadinessTrigger(**json.loads(json.dumps(made.serialize()[1])))
        return (await anext(again.run())).payload

    assert asyncio.run(fired(**fields, **names)) == {"kind": "rft.readiness"}
    gone = names | {"deployment": f"{deployment['model'][:-1]}0"}
    assert asyncio.run(fired(**fields, **gone)) == {"kind": "rft.readiness"}
    late = fields | {"deadline_at": 1.0}
    assert asyncio.run(fired(**late, **names)) == {"kind": "rft.readiness"}


def test_a_rehearsal_sends_nothing(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    before = jobs_on(plane)
    roles = plane.hook.session.client("iam").list_roles()["Roles"]
    fields = plane.training(dry_run="{{ 'true' }}", output_s3_uri=f"s3://{BUCKET}/elsewhere")
    with caplog.at_level("INFO"), pytest.raises(AirflowSkipException, match="nothing was sent"):
        plane.go(rft.BedrockRftCreateJobOperator, "rehearse", **fields)
    assert jobs_on(plane) == before
    assert plane.hook.session.client("iam").list_roles()["Roles"] == roles


def test_a_rehearsal_foretells_time_and_cost_from_earlier_runs(
    plane: Plane, job: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two jobs that ended left their manifests; the price list is the user's."""
    place = f"s3://{BUCKET}/{tmp_path.name}"
    for hours in (2, 3):
        manifest = Manifest(
            pipeline="tutor",
            run_id=f"run-{hours}",
            stage=Stage.JOB,
            inputs={"base model": f"model:{MODEL}"},
            outputs={"job": f"job:{job['job_id']}-{hours}"},
            results={"steps": 100.0},
            started_at=1000.0,
            finished_at=1000.0 + 3600.0 * hours,
        )
        write_manifest(plane.hook.objects, manifest, artifacts_uri=place)
    plane.hook.objects.put_bytes(f"{place}/lineage/tutor/run-2/notes.txt", b"not a manifest")
    prices = {MODEL: "20", "others": 1}
    fields = plane.training(dry_run=True, prices=prices, output_s3_uri=f"s3://{BUCKET}/out", artifacts_uri=place)
    with pytest.raises(AirflowSkipException):
        plane.go(rft.BedrockRftCreateJobOperator, "foretell", **fields)
    said = "".join(capfd.readouterr())
    assert "from 2 earlier runs" in said
    assert "by the price list" in said
    with pytest.raises(AirflowSkipException):
        plane.go(rft.BedrockRftCreateJobOperator, "foretell_first", **{**fields, "artifacts_uri": f"{place}/new"})
    assert "no time and no cost" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dataset": "file-123"}, "trains from S3"),
        ({"hyperparameters": {"batch_size": 8}}, "batchSize is 8, the least is 16"),
        ({"hyperparameters": {"reasoning_effort": "extreme"}}, "none of low, medium, high"),
        ({"model": "openai.gpt-oss-20b", "invocation_logs": {"s3_uri": "s3://b/logs"}}, "Only the native plane"),
        ({"invocation_logs": {"uri": "s3://b/logs"}}, "has no field uri"),
        ({"dry_run": "perhaps"}, "must be true or false"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(plane: Plane, fields: dict[str, Any], sentence: str) -> None:
    before = jobs_on(plane)
    with pytest.raises(AirflowFailException, match=sentence):
        plane.go(rft.BedrockRftCreateJobOperator, "bad", **plane.training(**fields))
    assert jobs_on(plane) == before
