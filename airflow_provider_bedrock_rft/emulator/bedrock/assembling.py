"""Puts the native planes together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_provider_bedrock_rft.emulator.bedrock.batch import BatchJobs, batch_shelf
from airflow_provider_bedrock_rft.emulator.bedrock.book import JobBook
from airflow_provider_bedrock_rft.emulator.bedrock.completion import Completions
from airflow_provider_bedrock_rft.emulator.bedrock.converse import Conversations
from airflow_provider_bedrock_rft.emulator.bedrock.custom_models import CustomModels, ModelNames, model_shelf
from airflow_provider_bedrock_rft.emulator.bedrock.deployments import Deployments, deployment_shelf
from airflow_provider_bedrock_rft.emulator.bedrock.errands import JobParts
from airflow_provider_bedrock_rft.emulator.bedrock.evaluation import EvaluationJobs, evaluation_shelf
from airflow_provider_bedrock_rft.emulator.bedrock.events import StateChanges
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import FoundationModels
from airflow_provider_bedrock_rft.emulator.bedrock.invocation_logs import InvocationLogs
from airflow_provider_bedrock_rft.emulator.bedrock.invoke_model import Invocations
from airflow_provider_bedrock_rft.emulator.bedrock.jobs import CustomizationJobs
from airflow_provider_bedrock_rft.emulator.bedrock.listener import NativeListener
from airflow_provider_bedrock_rft.emulator.bedrock.plane import NativePlane
from airflow_provider_bedrock_rft.emulator.bedrock.receipts import Receipts
from airflow_provider_bedrock_rft.emulator.bedrock.tags import Tags
from airflow_provider_bedrock_rft.emulator.bedrock.throughput import Throughputs, throughput_shelf
from airflow_provider_bedrock_rft.emulator.bedrock.work import JobWork, Surroundings
from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
from airflow_provider_bedrock_rft.emulator.mantle.inference import Answerer
from airflow_provider_bedrock_rft.emulator.mounting import AwsMount
from airflow_provider_bedrock_rft.emulator.settings import TrainingSettings
from airflow_provider_bedrock_rft.emulator.store import Store
from airflow_provider_bedrock_rft.emulator.training.engine import TrainingEngine

ROOMS = (
    CustomizationJobs,
    CustomModels,
    Deployments,
    Throughputs,
    Tags,
    FoundationModels,
    InvocationLogs,
    BatchJobs,
    EvaluationJobs,
    Conversations,
    Invocations,
)
"""Every class that answers operations, in the order of the documentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundations:
    """What the native planes stand on; the engine must know ``listener`` already."""

    store: Store
    clock: EmulatorClock
    engine: TrainingEngine
    aws: AwsMount
    book: JobBook
    listener: NativeListener
    answerer: Answerer
    settings: Callable[[], TrainingSettings]
    folder: Path
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """The native planes, and the work behind them."""

    plane: NativePlane
    work: JobWork
    batches: BatchJobs
    evaluations: EvaluationJobs

    def resume(self) -> None:
        """Go on with what a former process left."""
        self.work.resume()
        self.batches.resume()
        self.evaluations.resume()

    async def close(self) -> None:
        """Let go of all work; the next process goes on with it."""
        await self.work.close()
        await self.batches.close()
        await self.evaluations.close()


def make_native(on: Foundations) -> Native:
    """The native planes; nothing runs yet."""
    receipts, changes = Receipts(on.store), StateChanges(on.aws)
    models, deployments, throughputs = model_shelf(on.store), deployment_shelf(on.store), throughput_shelf(on.store)
    names = ModelNames(on.store, models)
    users = {"modelArn": deployments, "desiredModelArn": throughputs}
    custom = CustomModels(models, names, on.clock, receipts, on.aws, users)
    work = JobWork(
        Surroundings(
            store=on.store,
            clock=on.clock,
            book=on.book,
            engine=on.engine,
            aws=on.aws,
            changes=changes,
            settings=on.settings,
            folder=on.folder,
            seed=on.seed,
            models=custom,
            names=names,
        )
    )
    on.listener.ended = work.finish
    jobs = CustomizationJobs(
        store=on.store,
        clock=on.clock,
        book=on.book,
        models=models,
        names=names,
        receipts=receipts,
        work=work,
        changes=changes,
    )
    completions = Completions(models, deployments, throughputs, on.answerer, on.clock, on.seed)
    logs = InvocationLogs(on.store, on.clock, on.aws)
    batches, evaluations = _file_jobs(on, receipts, changes, completions)
    shelves = (on.book.shelf, models, deployments, throughputs, batch_shelf(on.store), evaluation_shelf(on.store))
    rooms = (
        jobs,
        custom,
        Deployments(deployments, models, on.clock, receipts),
        Throughputs(throughputs, models, on.clock, receipts),
        Tags(on.store, shelves),
        FoundationModels(),
        logs,
        batches,
        evaluations,
        Conversations(completions, logs),
        Invocations(completions, logs),
    )
    return Native(plane=NativePlane(rooms), work=work, batches=batches, evaluations=evaluations)


def _file_jobs(
    on: Foundations, receipts: Receipts, changes: StateChanges, completions: Completions
) -> tuple[BatchJobs, EvaluationJobs]:
    """The jobs over files in S3 that nothing is trained by."""
    parts = JobParts(
        shelf=batch_shelf(on.store),
        clock=on.clock,
        receipts=receipts,
        aws=on.aws,
        completions=completions,
        changes=changes,
    )
    return BatchJobs(parts), EvaluationJobs(replace(parts, shelf=evaluation_shelf(on.store)))
