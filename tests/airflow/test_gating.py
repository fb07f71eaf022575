"""Readiness, choice, gate, approval, report, lineage and clean-up against a real emulator process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped
from airflow.sdk import DAG, BaseOperator

import airflow_provider_bedrock_rft as rft
from airflow_provider_bedrock_rft.cli.word_problems import generate_problems
from airflow_provider_bedrock_rft.core.clock import FakeClock
from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.lineage.manifest import Stage, ref
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.inventory import take_inventory
from airflow_provider_bedrock_rft.core.steps.ledger import tests_of as entries_of
from airflow_provider_bedrock_rft.core.steps.lineage import load_lineage
from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
from airflow_provider_bedrock_rft.hooks.shared import CLOCK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("gating")  # one worker trains for the whole module
BUCKET = "rft-gating"
ARTIFACTS = f"s3://{BUCKET}/artifacts"
MODEL = "openai.gpt-oss-20b"
YEAR = 366 * 86_400.0
GRADER = """
import re

NUMBER = re.compile(r"-?\\d+(?:\\.\\d+)?")


def grade(completion: str, reference: str) -> float:
    found = NUMBER.findall(completion.replace(",", ""))
    return 1.0 if found and float(found[-1]) == float(NUMBER.findall(str(reference).replace(",", ""))[-1]) else 0.0
"""
YES = {"chosen_options": ["Approve"], "params_input": {}, "responded_by_user": {"id": "7", "name": "ada"}}
NO = {**YES, "chosen_options": ["Reject"]}


class Next(BaseOperator):
    """Stands after the task under test."""


@dataclass
class Outcome:
    """What a task left behind."""

    value: Any
    xcoms: dict[str, Any]
    skipped: list[str]


@dataclass
class Pipeline:
    """Runs one task after the other, all of one run of one pipeline."""

    hook: BedrockRftHook
    conn_id: str
    new_run: Any
    outputs: dict[str, Any] = field(default_factory=dict)

    def go(self, cls: Any, task_id: str, *, after: tuple[str, ...] = (), clock: Any = None, **fields: Any) -> Outcome:
        with DAG("tutor", schedule=None):
            task = cls(task_id=task_id, aws_conn_id=self.conn_id, **{"artifacts_uri": ARTIFACTS, **fields})
            _ = [task >> Next(task_id=name) for name in after]
        if clock is not None:
            task.clock = clock
        run = self.new_run(task_id)
        run.ti.task = task
        skipped: list[str] = []
        value: Any = None
        try:
            value = task.execute(run.context(task))
        except DownstreamTasksSkipped as skip:
            skipped = sorted(name if isinstance(name, str) else name[0] for name in skip.tasks)
        found = Outcome(value or run.ti.xcoms.get("return_value"), run.ti.xcoms, skipped)
        json.dumps(found.value, allow_nan=False)
        self.outputs[task_id] = found.value
        return found

    def evaluate(self, task_id: str, model: object, part: str = "test") -> Any:
        return self.go(
            rft.BedrockRftEvaluateModelOperator,
            task_id,
            model=model,
            grader=self.outputs["grader"],
            dataset=self.outputs["split"]["parts"][part],
        ).value

    def judge(self, pipeline: str, **fields: Any) -> Outcome:
        sides = {"baseline": self.outputs["base"], "candidate": self.outputs["tuned"]}
        return self.go(
            rft.BedrockRftPromotionGateOperator,
            "gate",
            after=("approve", "promote"),
            pipeline=pipeline,
            **{**sides, **fields},
        )


@pytest.fixture(scope="module")
def pipeline(aws_conn_id: str, tmp_path_factory: pytest.TempPathFactory, new_run: Any) -> Pipeline:
    hook = BedrockRftHook(aws_conn_id)
    hook.session.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    folder: Path = tmp_path_factory.mktemp("gating")
    dataset, grader = folder / "problems.jsonl", folder / "number.py"
    dataset.write_text("".join(f"{line}\n" for line in generate_problems(260, seed=11)), encoding="utf-8")
    grader.write_text(GRADER, encoding="utf-8")
    made = Pipeline(hook, aws_conn_id, new_run)
    made.go(
        rft.BedrockRftSplitDatasetOperator,
        "split",
        dataset=str(dataset),
        fractions={"train": 0.6, "validation": 0.15, "test": 0.25},
    )
    parts = made.outputs["split"]["parts"]
    made.go(rft.BedrockRftUploadDatasetOperator, "upload", dataset=parts["train"], evaluation=[parts["test"]])
    made.go(rft.BedrockRftDeployGraderOperator, "grader", source=f"{grader}:grade", function_name="gating-grader")
    made.go(
        rft.BedrockRftCreateJobOperator,
        "train",
        model=MODEL,
        dataset=made.outputs["upload"],
        grader=made.outputs["grader"],
        hyperparameters={"n_epochs": 2, "batch_size": 4},
        poll_interval_seconds=0.2,
        deferrable=False,
    )
    made.go(
        rft.BedrockRftSelectCheckpointOperator,
        "choice",
        job=made.outputs["train"],
        rule="best",
        grader=made.outputs["grader"],
        dataset=parts["validation"],
    )
    made.evaluate("base", MODEL)
    made.evaluate("tuned", made.outputs["choice"])
    return made


def assess(made: Pipeline, **fields: Any) -> Outcome:
    return made.go(
        rft.BedrockRftAssessReadinessOperator,
        "readiness",
        after=("train", "teach"),
        **{
            "model": MODEL,
            "grader": made.outputs["grader"],
            "dataset": made.outputs["split"]["parts"]["train"],
            "max_samples": "40",
            "settings": {"completions_per_sample": 4},
            **fields,
        },
    )


def test_a_model_that_can_learn_goes_on_and_every_prompt_has_its_difficulty(pipeline: Pipeline) -> None:
    found = assess(pipeline)
    assert (found.value["verdict"], found.skipped) == ("go", [])
    lines = pipeline.hook.objects.get(found.xcoms["difficulty"]).splitlines()
    assert len(lines) == found.value["n_prompts"] == 40
    assert {json.loads(line)["level"] for line in lines} <= set(found.value["levels"])


def test_what_training_cannot_teach_is_skipped_or_branched_from(pipeline: Pipeline) -> None:
    rule = {"not_needed_above": "0.01"}
    found = assess(pipeline, rule=rule)
    assert (found.value["verdict"], found.skipped) == ("not-needed", ["teach", "train"])
    assert assess(pipeline, rule=rule, branches={"go": "train", "not-needed": "teach"}).skipped == ["train"]
    with pytest.raises(AirflowFailException, match="rule has no field"):
        assess(pipeline, rule={"threshold": 1})
    with pytest.raises(ValueError, match="supervised-first"):
        assess(pipeline, branches={"maybe": "train"})


def test_a_checkpoint_is_not_tested_on_what_it_was_chosen_on(pipeline: Pipeline) -> None:
    assert len(pipeline.outputs["tuned"]["chosen_on"]) == 1
    leaked = {
        "baseline": pipeline.evaluate("base_leaked", MODEL, "validation"),
        "candidate": pipeline.evaluate("leaked", pipeline.outputs["choice"], "validation"),
    }
    with pytest.raises(AirflowFailException, match="were used to choose the checkpoint"):
        pipeline.judge("leaky", **leaked)


def test_the_gate_asks_a_person_where_the_policy_says_so(pipeline: Pipeline) -> None:
    policy = {"requires_approval": True, "min_samples": 10}
    found = pipeline.judge("asks", policy=policy, branches={"approve": "approve", "promote": "promote"})
    assert (found.value["verdict"], found.value["needs_approval"], found.skipped) == ("promote", True, ["promote"])
    assert "| difference |" in found.xcoms["markdown"]
    assert pipeline.judge("asks", policy=policy).skipped == []
    worse = {"baseline": pipeline.outputs["tuned"], "candidate": pipeline.outputs["base"]}
    assert pipeline.judge("asks", policy=policy, branches={"approve": "approve"}, **worse).skipped == [
        "approve",
        "promote",
    ]


def test_without_a_persons_yes_nothing_is_promoted(pipeline: Pipeline) -> None:
    gate = pipeline.judge("careful", policy={"requires_approval": True, "min_samples": 10}).value
    promote = {"pipeline": "careful", "gate": gate}
    with pytest.raises(AirflowFailException, match="a person's approval"):
        pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", **promote)
    with pytest.raises(AirflowFailException, match="a person's approval"):
        pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", approval={"approved": True}, **promote)
    with pytest.raises(AirflowSkipException, match="rejected by a person"):
        pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", approval=NO, **promote)
    entry = pipeline.go(rft.BedrockRftPromoteModelOperator, "promote", approval=YES, **promote).value
    assert entry["actor"].endswith("approved by ada")
    assert entry["lineage"] == {"grader": pipeline.outputs["grader"]["arn"]}


def test_a_year_of_tests_shares_one_risk(pipeline: Pipeline) -> None:
    policy = {"yearly_risk": 0.12, "runs_per_year": 12, "min_samples": 10}
    same = {"baseline": pipeline.outputs["base"], "candidate": pipeline.outputs["base"]}
    alphas = [pipeline.judge("ledger", policy=policy, **sides).value["alpha"] for sides in (same, same, {})]
    assert alphas == pytest.approx([0.01, 0.01, 0.01])
    entries = list(entries_of(pipeline.hook.parameters, registry=Registry(pipeline="ledger"), year=this_year()))
    assert len(entries) == 2


def this_year() -> str:
    from airflow_provider_bedrock_rft.core.promotion.ledger import year_of

    return year_of(CLOCK.now())


def publish(made: Pipeline, gate: Any, **fields: Any) -> Any:
    return made.go(
        rft.BedrockRftPublishReportOperator,
        "report",
        **{
            "gate": gate,
            "baseline": made.outputs["base"],
            "candidate": made.outputs["tuned"],
            "dataset": made.outputs["split"]["parts"]["test"],
            "job": made.outputs["train"],
            **fields,
        },
    ).value


def test_a_report_tells_what_was_found_and_what_came_of_it(pipeline: Pipeline) -> None:
    gate = pipeline.judge("told", policy={"min_samples": 10, "yearly_risk": 0.1}).value
    published = publish(pipeline, gate)
    page = pipeline.hook.objects.get(published["html_uri"]).decode()
    assert "not promoted" in page
    assert "polyline" in page
    assert json.loads(pipeline.hook.objects.get(published["json_uri"]))["alpha"] == gate["alpha"]
    entry = pipeline.go(rft.BedrockRftPromoteModelOperator, "promoted", pipeline="told", gate=gate).value
    again = publish(pipeline, gate, champion=entry)
    assert again == published
    assert "champion number 1 of told" in pipeline.hook.objects.get(again["markdown_uri"]).decode()


def test_a_report_of_something_else_is_refused(pipeline: Pipeline) -> None:
    gate = pipeline.judge("other", policy={"min_samples": 10}).value
    with pytest.raises(AirflowFailException, match="not those that the gate has judged"):
        publish(pipeline, gate, candidate=pipeline.outputs["base"])
    with pytest.raises(AirflowSkipException, match="nothing to report"):
        publish(pipeline, None)


def test_a_models_whole_story_is_written_down(pipeline: Pipeline) -> None:
    assess(pipeline)
    gate = pipeline.judge("tutor", policy={"min_samples": 10}).value
    pipeline.go(rft.BedrockRftPromoteModelOperator, "promote_tutor", pipeline="tutor", gate=gate)
    lineage = load_lineage(pipeline.hook.objects, artifacts_uri=ARTIFACTS, pipeline="tutor")
    story = lineage.story(ref("model", gate["candidate_model"]))
    assert {manifest.stage for manifest in story} >= set(Stage) - {Stage.READINESS}
    job = next(manifest for manifest in story if manifest.stage is Stage.JOB)
    assert job.results["steps"] > 1
    assert job.inputs["dataset"] == f"dataset:{pipeline.outputs['upload']['fingerprint']}"
    behind = lineage.references_behind(ref("model", gate["candidate_model"]))
    assert {f"grader:{pipeline.outputs['grader']['arn']}", f"file:{pipeline.outputs['upload']['file_id']}"} <= behind


def test_a_task_whose_record_cannot_be_written_has_still_succeeded(pipeline: Pipeline) -> None:
    gate = pipeline.judge("mute", policy={"min_samples": 10}, artifacts_uri="s3://no-such-bucket/x").value
    entry = pipeline.go(
        rft.BedrockRftPromoteModelOperator, "p", pipeline="mute", gate=gate, artifacts_uri="s3://no-such-bucket/x"
    ).value
    assert entry["number"] == 1


def test_shards_of_several_workers_merge_to_what_one_would_have_written(pipeline: Pipeline) -> None:
    def evaluate(task_id: str, **fields: Any) -> Any:
        given = {"model": MODEL, "grader": pipeline.outputs["grader"], "settings": {"seed": 77, "max_tokens": 48}}
        part = pipeline.outputs["split"]["parts"]["test"]
        return pipeline.go(rft.BedrockRftEvaluateModelOperator, task_id, dataset=part, **given, **fields).value

    shards = [evaluate(f"shard{k}", shard=f"{k}/3", artifacts_uri=f"{ARTIFACTS}/sharded") for k in (3, 1, 2)]
    merged = evaluate("merged", artifacts_uri=f"{ARTIFACTS}/sharded")
    alone = evaluate("alone", artifacts_uri=f"{ARTIFACTS}/alone")
    assert sum(shard["n_samples"] for shard in shards) == merged["n_samples"] == alone["n_samples"]
    assert [shard["n_requests"] > 0 for shard in shards] == [True] * 3
    assert (merged["n_requests"], alone["n_requests"]) == (0, alone["n_samples"])
    assert merged["uri"].rpartition("/")[2] == alone["uri"].rpartition("/")[2]

    def lines(run: Any) -> list[dict[str, Any]]:
        read = pipeline.hook.objects.get(run["uri"]).decode().splitlines()
        return [{**json.loads(line), "latency_ms": 0.0} for line in read]  # the one thing that was measured anew

    assert lines(merged) == lines(alone)
    before = pipeline.hook.objects.get(merged["uri"])
    assert pipeline.hook.objects.get(evaluate("again", artifacts_uri=f"{ARTIFACTS}/sharded")["uri"]) == before


def test_a_shard_that_is_none_is_refused(pipeline: Pipeline) -> None:
    for text in ("0/3", "4/3", "half"):
        task = rft.BedrockRftEvaluateModelOperator(
            task_id="s",
            model=MODEL,
            grader="g",
            dataset=pipeline.outputs["split"]["parts"]["test"],
            artifacts_uri=ARTIFACTS,
            shard=text,
            aws_conn_id=pipeline.conn_id,
        )
        with pytest.raises(InvalidInput, match="no shard"):
            task.records()


def clean(made: Pipeline, **fields: Any) -> Any:
    return made.go(
        rft.BedrockRftCleanUpOperator,
        "clean",
        clock=FakeClock(CLOCK.now() + YEAR),
        policy={"keep_last": "1", "keep_days": 30},
        **{"pipeline": "cleaned", **fields},
    ).value


@pytest.fixture
def cleaned(pipeline: Pipeline, tmp_path: Path) -> dict[str, Any]:
    """A pipeline of its own that has uploaded two datasets and published three versions of a grader."""
    made: dict[str, Any] = {"arns": [], "files": []}
    for number in range(3):
        source = tmp_path / "g.py"
        source.write_text(f"{GRADER}\nN = {number}\n", encoding="utf-8")
        fields = {"source": f"{source}:grade", "function_name": "cleaned-grader"}
        made["arns"].append(record_as(pipeline, rft.BedrockRftDeployGraderOperator, **fields)["arn"])
    for number in range(2):
        dataset = tmp_path / f"d{number}.jsonl"
        lines = generate_problems(120, seed=100 + number)
        dataset.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        made["files"].append(record_as(pipeline, rft.BedrockRftUploadDatasetOperator, dataset=str(dataset))["file_id"])
    return made


def record_as(made: Pipeline, cls: Any, **fields: Any) -> Any:
    class Cleaned(cls):  # type: ignore[misc]
        pipeline = "cleaned"

    return made.go(Cleaned, "made", **fields).value


def test_a_clean_up_takes_what_nobody_needs_and_only_when_told_to(pipeline: Pipeline, cleaned: dict[str, Any]) -> None:
    first, second, _ = cleaned["arns"]
    pipeline.go(
        rft.BedrockRftPromoteModelOperator,
        "by_hand",
        pipeline="another",
        model="some-model",
        lineage={"grader": first},
        reason="It was graded by the first version.",
    )
    would = clean(pipeline)
    assert would["is_dry_run"]
    assert f"grader:{second}" in would["removed"]
    assert f"grader:{first}" not in would["removed"]
    assert sum(one.startswith("file:") for one in would["removed"]) == 1
    done = clean(pipeline, remove="true")
    assert (done["is_dry_run"], done["removed"]) == (False, would["removed"])
    assert clean(pipeline)["removed"] == []
    left = {version.version for version in pipeline.hook.functions.versions("cleaned-grader")}
    assert left == {first.rpartition(":")[2], cleaned["arns"][2].rpartition(":")[2]}


def test_a_champion_and_what_made_it_stay_whoever_cleans_up(pipeline: Pipeline) -> None:
    choice = pipeline.outputs["choice"]
    pipeline.go(rft.BedrockRftPromoteModelOperator, "serve", pipeline="serving", model=choice, reason="Serve.")
    lineage = load_lineage(pipeline.hook.objects, artifacts_uri=ARTIFACTS)
    everything = take_inventory([pipeline.hook.training], pipeline.hook.functions, lineage=lineage, pipeline="tutor")
    assert {one.kind for one in everything.stored} >= {"file", "grader", "model"}
    done = clean(pipeline, pipeline="tutor")
    assert ref("model", choice["checkpoint"]["model"]) not in done["removed"]
    assert ref("file", pipeline.outputs["upload"]["file_id"]) not in done["removed"]
    assert ref("grader", pipeline.outputs["grader"]["arn"]) not in done["removed"]


def test_things_of_others_are_never_considered(pipeline: Pipeline) -> None:
    assert clean(pipeline, pipeline="nobody", remove=True) == {
        "kind": "rft.clean_up",
        "version": 1,
        "is_dry_run": False,
        "removed": [],
        "n_kept": 0,
    }
    with pytest.raises(AirflowFailException, match="must be true or false"):
        clean(pipeline, remove="perhaps")
