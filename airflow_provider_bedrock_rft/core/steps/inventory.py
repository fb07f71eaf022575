"""What a pipeline has left behind in the services: its files, its graders' versions, its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.deployment import own_name_of
from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, ResourceNotFound, UnknownStatus
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.core.lineage.manifest import ref
from airflow_provider_bedrock_rft.core.promotion.retention import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from airflow_provider_bedrock_rft.core.deployment import Deployment, DeploymentService
    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
    from airflow_provider_bedrock_rft.core.ports import FunctionService, TrainingService

LIVE = "live"
"""The alias that a grader's deployment moves."""
DEPLOYMENT, CUSTOM_MODEL = "deployment", "custom_model"
"""Kinds of the native plane, for ``days_by_kind``."""
_JUDGED = frozenset({"checkpoint", DEPLOYMENT})
"""Kinds that manifests do not name: whether they are ours was seen when they were found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What there is.

    Attributes:
        stored: What the pipeline made and is still there; nothing else is ever removed.
        in_use: Reference → why somebody else needs it: a running job, a job of another pipeline, an alias.
    """

    stored: tuple[Stored, ...]
    in_use: Mapping[str, str]


def take_inventory(
    planes: Sequence[TrainingService],
    functions: FunctionService,
    *,
    lineage: Lineage,
    pipeline: str,
    deployments: DeploymentService | None = None,
) -> Inventory:
    """Look for everything that the manifests of ``pipeline`` say it made.

    Models that answer only through a deployment are left out unless ``deployments`` says which of them are deployed.
    Of deployments only those are the pipeline's that serve one of its models under the name we give.
    """
    own = {
        reference
        for manifest in lineage.manifests
        if manifest.pipeline == pipeline
        for reference in manifest.outputs.values()
    }
    names = sorted(_functions_in(own))
    stored = [one for name in names for one in _versions(functions, name)]
    in_use: dict[str, str] = {}
    for training in planes:
        jobs = [_in_full(training, job, own) for job in training.list_jobs(created_after=0.0)]
        stored += _files(training)
        own_jobs = [job for job in jobs if ref("job", job.job_id) in own]
        if not training.capabilities.needs_deployment:
            stored += _models(training, own_jobs)
        elif deployments is not None:
            stored += _custom_models(own_jobs)
            for deployment in deployments.list():
                _take_deployment(deployment, own, stored, in_use)
        in_use.update(use for job in jobs for use in _uses(job, own))
    in_use.update((ref("grader", arn), "the live version") for arn in _live(functions, names))
    ours = tuple(one for one in stored if one.kind in _JUDGED or one.reference in own)
    return Inventory(stored=ours, in_use=in_use)


def removers_of(
    training: TrainingService,
    functions: FunctionService,
    *,
    native: TrainingService | None = None,
    delete_deployment: Callable[[str], None] | None = None,
) -> Mapping[str, Callable[[str], None]]:
    """Kind → what removes it; checkpoints go with their job. Without the last two, nothing of the native plane goes."""

    def delete_version(arn: str) -> None:
        parsed = LambdaArn.parse(arn)
        functions.delete_version(parsed.part("name"), parsed.part("qualifier"))

    found = {"file": training.delete_file, "model": training.delete_model, "grader": delete_version}
    if native is not None and delete_deployment is not None:
        found |= {DEPLOYMENT: delete_deployment, CUSTOM_MODEL: native.delete_model}
    return found


def _in_full(training: TrainingService, job: Job, own: AbstractSet[str]) -> Job:
    """A job that may run or is ours, with what it uses, which some planes' listings leave out."""
    matters = _may_run(job) or ref("job", job.job_id) in own
    return training.get_job(job.job_id) if not job.grader_arn and matters else job


def _files(training: TrainingService) -> Iterator[Stored]:
    for file in training.list_files():
        yield Stored(kind="file", reference=ref("file", file.file_id), created_at=file.created_at)


def _versions(functions: FunctionService, name: str) -> Iterator[Stored]:
    try:
        versions = list(functions.versions(name))
    except ResourceNotFound:
        return
    for version in versions:
        yield Stored(kind="grader", reference=ref("grader", version.arn), created_at=version.modified_at, family=name)


def _models(training: TrainingService, jobs: Sequence[Job]) -> Iterator[Stored]:
    """Tuned models with what they were made from, and checkpoints, which keep their job's model while they serve."""
    for job in jobs:
        if not job.tuned_model:
            continue
        made_from = tuple(_inputs(job))
        model = ref("model", job.tuned_model)
        ended_at = job.finished_at or job.created_at
        yield Stored(kind="model", reference=model, created_at=ended_at, refers_to=made_from)
        for checkpoint in training.list_checkpoints(job.job_id):
            if checkpoint.model and checkpoint.model != job.tuned_model:
                yield Stored(
                    kind="checkpoint",
                    reference=ref("model", checkpoint.model),
                    created_at=checkpoint.created_at,
                    refers_to=(model, *made_from),
                )


def _custom_models(jobs: Sequence[Job]) -> Iterator[Stored]:
    for job in jobs:
        if job.tuned_model:
            yield Stored(
                kind=CUSTOM_MODEL,
                reference=ref("model", job.tuned_model),
                created_at=job.finished_at or job.created_at,
                refers_to=tuple(_inputs(job)),
            )


def _take_deployment(
    deployment: Deployment, own: AbstractSet[str], stored: list[Stored], in_use: dict[str, str]
) -> None:
    """Ours is what serves a model of ours under the name that we give; all others keep what they serve."""
    served = [ref("model", one) for one in (deployment.custom_model, deployment.next_model) if one]
    if all(one in own for one in served) and deployment.name == own_name_of(deployment.custom_model):
        stored.append(
            Stored(
                kind=DEPLOYMENT,
                reference=ref("model", deployment.model),
                created_at=deployment.created_at,
                refers_to=tuple(served),
            )
        )
    else:
        in_use.update((reference, f"deployed as {deployment.name}") for reference in served)


def _uses(job: Job, own: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    if ref("job", job.job_id) not in own:
        reason = f"used by job {job.job_id}, which is not of this pipeline"
    elif _may_run(job):
        reason = f"used by job {job.job_id}, which may still run"
    else:
        return
    for reference in (*_inputs(job), *([ref("model", job.tuned_model)] if job.tuned_model else [])):
        yield reference, reason


def _may_run(job: Job) -> bool:
    try:
        return outcome_of(job.status) not in set(Outcome)
    except UnknownStatus:
        return True


def _inputs(job: Job) -> Iterator[str]:
    yield ref("model", job.model)  # it may itself be a tuned one
    if job.training_data:
        yield ref("file", job.training_data)
    if job.grader_arn:
        yield ref("grader", job.grader_arn)


def _functions_in(references: Iterable[str]) -> Iterator[str]:
    found = set()
    for reference in references:
        kind, _, name = reference.partition(":")
        if kind == "grader":
            try:
                found.add(LambdaArn.parse(name).part("name"))
            except InvalidIdentifier:
                continue
    yield from found


def _live(functions: FunctionService, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if version := functions.get(name, qualifier=LIVE):
            yield version.arn
