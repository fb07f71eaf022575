"""A whole recurring retraining as one task group, each of whose parts can be replaced.

::

    split ─┬─ upload ── train ── (choose_checkpoint) ── evaluate_tuned ─┐
           ├─ deploy_grader ──┘                                         ├─ promotion_gate ── (approval) ── promote
           └─────────────────────────────────────────── evaluate_base ──┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskGroup, XComArg

from airflow_provider_bedrock_rft.assets import model_asset
from airflow_provider_bedrock_rft.hooks.inputs import Text
from airflow_provider_bedrock_rft.operators.checkpoint import BedrockRftSelectCheckpointOperator
from airflow_provider_bedrock_rft.operators.dataset import (
    BedrockRftSplitDatasetOperator,
    BedrockRftUploadDatasetOperator,
)
from airflow_provider_bedrock_rft.operators.evaluation import BedrockRftEvaluateModelOperator
from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator
from airflow_provider_bedrock_rft.operators.job import BedrockRftCreateJobOperator
from airflow_provider_bedrock_rft.operators.promotion import (
    BedrockRftPromoteModelOperator,
    BedrockRftPromotionGateOperator,
)

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_provider_bedrock_rft.hooks.inputs import Given

VALIDATION = "validation"
"""A part of the split with this name is what the checkpoint is chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """What is retrained, from what, and when the result is good enough. Texts may be templates, but for ``pipeline``.

    Attributes:
        pipeline: Whose champion is at stake; also names the function and the model's asset.
        dataset: JSONL in S3, or on every worker.
        grader: ``path/to/grader.py:function``.
        model: Base model id.
        artifacts_uri: ``s3://bucket/prefix`` for what is kept.
        function_name: Of the grader's Lambda function; made from ``pipeline`` when empty.
        grader_options: Further arguments of ``BedrockRftDeployGraderOperator``, such as ``preflight_options``.
        fractions: Part → share. ``train`` and ``test`` are needed; with ``validation`` the checkpoint is chosen on it.
        hyperparameters: Fields of ``RftHyperparameters``.
        policy: Fields of ``PromotionPolicy``.
        evaluation: Fields of ``EvaluationSettings``.
        deferrable: Wait for the job in the triggerer.
        poll_interval_seconds: Pause between two looks at a young job.
    """

    pipeline: str
    dataset: Text
    grader: str
    model: str
    artifacts_uri: str
    function_name: str = ""
    grader_options: Mapping[str, object] = field(default_factory=dict)
    fractions: Mapping[str, float] = field(default_factory=lambda: {"train": 0.67, "test": 0.33})
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    policy: Mapping[str, object] = field(default_factory=dict)
    evaluation: Mapping[str, object] = field(default_factory=dict)
    deferrable: bool = True
    poll_interval_seconds: float = 15.0

    def __post_init__(self) -> None:
        if missing := {"train", "test"} - set(self.fractions):
            raise ValueError(f"fractions has no {' and no '.join(sorted(missing))}; it has {sorted(self.fractions)}.")


class RetrainingParts:
    """Makes the tasks of a retraining. To replace a part, override its method and give the class to the factory.

    Arguments and results are outputs of tasks: whatever a replacement returns, the parts after it are given.
    """

    def __init__(self, plan: Retraining) -> None:
        self.plan = plan

    def split(self) -> Mapping[str, XComArg]:
        """Part of the dataset → its URI."""
        task = BedrockRftSplitDatasetOperator(
            task_id="split",
            dataset=self.plan.dataset,
            artifacts_uri=self.plan.artifacts_uri,
            fractions=self.plan.fractions,
        )
        return {name: XComArg(task, key=name) for name in self.plan.fractions}

    def upload(self, parts: Mapping[str, XComArg]) -> Given:
        """The training data, where the service finds it (payload ``rft.dataset``)."""
        held_out = [uri for name, uri in parts.items() if name != "train"]
        return BedrockRftUploadDatasetOperator(
            task_id="upload", dataset=parts["train"], evaluation=held_out, artifacts_uri=self.plan.artifacts_uri
        ).output

    def deploy_grader(self, parts: Mapping[str, XComArg]) -> Given:
        """The grader in service (payload ``rft.grader``)."""
        options: Mapping[str, Any] = {
            "function_name": self.plan.function_name or f"bedrock-rft-{self.plan.pipeline}".replace("_", "-"),
            "preflight": parts["test"],
            "artifacts_uri": self.plan.artifacts_uri,
            **self.plan.grader_options,
        }
        return BedrockRftDeployGraderOperator(task_id="deploy_grader", source=self.plan.grader, **options).output

    def train(self, dataset: Given, grader: Given) -> Given:
        """The job that has made a model (payload ``rft.job``)."""
        return BedrockRftCreateJobOperator(
            task_id="train",
            model=self.plan.model,
            dataset=dataset,
            grader=grader,
            hyperparameters=self.plan.hyperparameters,
            artifacts_uri=self.plan.artifacts_uri,
            deferrable=self.plan.deferrable,
            poll_interval_seconds=self.plan.poll_interval_seconds,
        ).output

    def choose(self, job: Given, grader: Given, parts: Mapping[str, XComArg]) -> Given:
        """The model to go on with: the job's last, or where there is a validation part its best checkpoint there."""
        if VALIDATION not in parts:
            return job
        return BedrockRftSelectCheckpointOperator(
            task_id="choose_checkpoint",
            job=job,
            rule="one_standard_error",
            grader=grader,
            dataset=parts[VALIDATION],
            artifacts_uri=self.plan.artifacts_uri,
            settings=self.plan.evaluation,
        ).output

    def evaluate_base(self, grader: Given, test: Text) -> XComArg:
        """Scores of what serves now: the champion, and before the first promotion the base model."""
        return self.evaluate("evaluate_base", self.plan.model, grader, test, champion_of=self.plan.pipeline)

    def evaluate_tuned(self, model: Given, grader: Given, test: Text) -> XComArg:
        """Scores of what may replace it."""
        return self.evaluate("evaluate_tuned", model, grader, test)

    def evaluate(
        self, task_id: str, model: Given, grader: Given, test: Text, *, champion_of: str | None = None
    ) -> XComArg:
        """Scores of one model (payload ``rft.evaluation``); both sides of the comparison are made here."""
        return BedrockRftEvaluateModelOperator(
            task_id=task_id,
            model=model,
            champion_of=champion_of,
            grader=grader,
            dataset=test,
            artifacts_uri=self.plan.artifacts_uri,
            settings=self.plan.evaluation,
        ).output

    def gate(self, baseline: XComArg, candidate: XComArg) -> BaseOperator:
        """The decision; what follows it runs on ``promote`` only."""
        return BedrockRftPromotionGateOperator(
            task_id="promotion_gate",
            pipeline=self.plan.pipeline,
            baseline=baseline,
            candidate=candidate,
            policy=self.plan.policy,
            artifacts_uri=self.plan.artifacts_uri,
        )

    def approve(self, gate: BaseOperator) -> BaseOperator | None:  # noqa: ARG002 -- for those who override it
        """A task between gate and promotion, such as a person's approval; ``None`` for none."""
        return None

    def promote(self, gate: BaseOperator, approval: BaseOperator | None = None) -> BaseOperator:
        """The task that makes the candidate the champion."""
        return BedrockRftPromoteModelOperator(
            task_id="promote",
            pipeline=self.plan.pipeline,
            gate=gate.output,
            approval=None if approval is None else approval.output,
            artifacts_uri=self.plan.artifacts_uri,
            outlets=[model_asset(self.plan.pipeline)],
        )


def retraining_pipeline(
    plan: Retraining, *, parts: type[RetrainingParts] = RetrainingParts, group_id: str = "retraining"
) -> TaskGroup:
    """A recurring retraining, from dataset to promotion, inside the DAG that is being written.

    Several may stand in one DAG under different group ids, each with a pipeline (champion) of its own.

    Args:
        plan: What is retrained.
        parts: Makes the tasks; a subclass of :class:`RetrainingParts` replaces some of them.
        group_id: Of the group; every task id starts with it.

    Raises:
        ValueError: ``plan.pipeline`` cannot name an asset (letters, digits, ``.``, ``_``, ``-``).
    """
    with TaskGroup(group_id=group_id, tooltip=f"Retrain {plan.pipeline}, promote if better.") as group:
        make = parts(plan)
        split = make.split()
        grader = make.deploy_grader(split)
        job = make.train(make.upload(split), grader)
        baseline = make.evaluate_base(grader, split["test"])
        candidate = make.evaluate_tuned(make.choose(job, grader, split), grader, split["test"])
        gate = make.gate(baseline, candidate)
        approval = make.approve(gate)
        promote = make.promote(gate, approval)
        gate >> promote
        if approval is not None:
            gate >> approval >> promote
    return group
