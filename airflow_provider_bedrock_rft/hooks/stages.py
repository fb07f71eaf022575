"""What each stage took and made, as lineage names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.hooks.lineage import StageFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.checkpoint.selection import CheckpointChoice
    from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
    from airflow_provider_bedrock_rft.core.evaluation.readiness import Readiness
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.job.curve import Curve
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.job.spec import JobSpec
    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
    from airflow_provider_bedrock_rft.core.steps.dataset import UploadedDataset
    from airflow_provider_bedrock_rft.core.steps.grader import DeployedGrader
    from airflow_provider_bedrock_rft.hooks.gate import GateResult
    from airflow_provider_bedrock_rft.hooks.splits import StoredSplit


def of_split(stored: StoredSplit, dataset: object) -> StageFacts:
    """A dataset became parts; each is known by its content and by its file."""
    contents = {name: ("dataset", fingerprint) for name, fingerprint in stored.fingerprints.items()}
    files = {f"{name} file": ("file", uri) for name, uri in stored.parts.items()}
    return StageFacts(
        stage="dataset",
        inputs={"source": ("file", str(dataset))},
        outputs={**contents, **files},
        parameters={"seed": stored.seed},
        results={f"{name} records": float(n) for name, n in stored.n_records.items()},
    )


def of_upload(uploaded: UploadedDataset, dataset: object) -> StageFacts:
    """A file became a dataset in the service's store."""
    return StageFacts(
        stage="dataset",
        inputs={"source": ("file", str(dataset))},
        outputs={"dataset": ("dataset", uploaded.fingerprint), "stored file": ("file", uploaded.file_id)},
        results={"records": float(uploaded.n_records)},
    )


def of_grader(deployed: DeployedGrader, source: object) -> StageFacts:
    """Source became a published version of a function."""
    return StageFacts(
        stage="grader",
        outputs={"grader": ("grader", deployed.arn)},
        parameters={"source": source, "fingerprint": deployed.fingerprint},
    )


def of_readiness(found: Readiness, model: str, grader: str, dataset: object) -> StageFacts:
    """Step 0 said what training could teach."""
    return StageFacts(
        stage="readiness",
        inputs={"model": ("model", model), "grader": ("grader", grader), "dataset": ("file", str(dataset))},
        outputs={"difficulty": ("difficulty", found.difficulty_uri)},
        parameters={"verdict": found.verdict.value, "certain": found.is_certain},
        results={
            "mean reward": found.mean_reward.value,
            "pass@1": found.pass_at_1.value,
            f"pass@{found.completions_per_prompt}": found.pass_at_k.value,
            "usable groups": found.usable.value,
        },
    )


def of_job(job: Job, spec: JobSpec, curve: Curve) -> StageFacts:
    """Dataset, grader and base model became a model."""
    rewards = curve.series("reward")
    return StageFacts(
        stage="job",
        inputs={
            "base model": ("model", job.model),
            "dataset": ("dataset", spec.dataset_fingerprint),
            "stored file": ("file", job.training_data or spec.training_data),
            "grader": ("grader", job.grader_arn or spec.grader_arn),
        },
        outputs={"job": ("job", job.job_id), "model": ("model", job.tuned_model)},
        parameters={**spec.hyperparameters.given(), **job.hyperparameters},
        results={
            "steps": float(curve.last_step) or None,
            "first reward": rewards[0] if rewards else None,
            "last reward": rewards[-1] if rewards else None,
        },
        started_at=job.created_at,
        finished_at=job.finished_at,
    )


def of_choice(choice: CheckpointChoice, job_id: str) -> StageFacts:
    """One of a job's checkpoints was chosen."""
    return StageFacts(
        stage="checkpoint",
        inputs={"job": ("job", job_id)}
        | {f"evaluation {number}": ("evaluation", uri) for number, uri in enumerate(choice.chosen_on, start=1)},
        outputs={"model": ("model", choice.checkpoint.model)},
        parameters={"rule": choice.rule.value, "step": choice.checkpoint.step, "reason": choice.reason},
    )


def of_evaluation(run: EvaluationRun, dataset: object) -> StageFacts:
    """A model answered and was graded."""
    return StageFacts(
        stage="evaluation",
        inputs={
            "model": ("model", run.model),
            "grader": ("grader", run.grader_arn),
            "dataset": ("file", str(dataset)),
            "prompts": ("prompts", run.prompts_fingerprint),
        },
        outputs={"evaluation": ("evaluation", run.uri)},
        parameters={"completions per sample": run.completions_per_sample},
        results={
            **_ends("mean", run.mean),
            "samples": float(run.n_samples),
            "tokens": float(run.prompt_tokens + run.completion_tokens),
        },
    )


def of_decision(
    result: GateResult, baseline: EvaluationRun, candidate: EvaluationRun, policy: Mapping[str, object]
) -> StageFacts:
    """Two evaluations were compared and judged."""
    return StageFacts(
        stage="decision",
        inputs={"baseline": ("evaluation", baseline.uri), "candidate": ("evaluation", candidate.uri)},
        outputs={"decision": ("decision", result.comparison_fingerprint)},
        parameters={**policy, "verdict": result.verdict, "reasons": "; ".join(result.reasons)},
        results={**_ends("difference", result.difference), "p-value": result.p_value, "alpha": result.alpha},
    )


def of_champion(entry: ChampionEntry, gate: GateResult | None) -> StageFacts:
    """A model became champion."""
    return StageFacts(
        stage="promotion",
        inputs={
            "model": ("model", entry.model),
            "decision": ("decision", gate.comparison_fingerprint if gate else ""),
        },
        outputs={"champion": ("champion", f"{entry.pipeline}/{entry.number}")},
        parameters={
            "action": entry.action,
            "actor": entry.actor,
            "reason": entry.reason,
            "previous model": entry.previous_model,
        },
    )


def _ends(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {}
    return {name: estimate.value, f"{name} low": estimate.low, f"{name} high": estimate.high}
