"""What a pipeline has left behind in the services: its files, its graders' versions, its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier, ResourceNotFound, UnknownStatus
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn
from airflow_provider_bedrock_rft.core.job.status import Outcome, outcome_of
from airflow_provider_bedrock_rft.core.lineage.manifest import ref
from airflow_provider_bedrock_rft.core.promotion.retention import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from airflow_provider_bedrock_rft.core.job.job import Job
    from airflow_provider_bedrock_rft.core.lineage.graph import Lineage
    from airflow_provider_bedrock_rft.core.ports import FunctionService, TrainingService

LIVE = "live"
"""The alias that a grader's deployment moves."""


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
    planes: Sequence[TrainingService], functions: FunctionService, *, lineage: Lineage, pipeline: str
) -> Inventory:
    """Look for everything that the manifests of ``pipeline`` say it made.

    Models that answer only through a deployment are left out: what serves is the deployment, not the model.
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
        jobs = [_in_full(training, job) for job in training.list_jobs(created_after=0.0)]
        stored += _files(training)
        if not training.capabilities.needs_deployment:
            stored += _models(training, [job for job in jobs if ref("job", job.job_id) in own])
        in_use.update(use for job in jobs for use in _uses(job, own))
    in_use.update((ref("grader", arn), "the live version") for arn in _live(functions, names))
    ours = tuple(one for one in stored if one.kind == "checkpoint" or one.reference in own)
    return Inventory(stored=ours, in_use=in_use)


def removers_of(training: TrainingService, functions: FunctionService) -> Mapping[str, Callable[[str], None]]:
    """Kind → what removes it; checkpoints go with their job."""

    def delete_version(arn: str) -> None:
        parsed = LambdaArn.parse(arn)
        functions.delete_version(parsed.part("name"), parsed.part("qualifier"))

    return {"file": training.delete_file, "model": training.delete_model, "grader": delete_version}


def _in_full(training: TrainingService, job: Job) -> Job:
    """A job that may run, with what it uses, which some planes' listings leave out."""
    return training.get_job(job.job_id) if not job.grader_arn and _may_run(job) else job


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
