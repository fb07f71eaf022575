"""What the page asks the services for, through the pipeline's own connection; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.checkpoint.checkpoint import Checkpoint
from airflow_provider_bedrock_rft.core.errors import RftError
from airflow_provider_bedrock_rft.core.evaluation.run import by_sample
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.job import Job
from airflow_provider_bedrock_rft.core.promotion.rollout import Registry
from airflow_provider_bedrock_rft.core.steps.evaluation import compare_runs, load_completions
from airflow_provider_bedrock_rft.core.steps.promotion import history_of
from airflow_provider_bedrock_rft.core.steps.watching import read_new_events
from airflow_provider_bedrock_rft.hooks.connected import plane_of
from airflow_provider_bedrock_rft.hooks.files import is_remote, read_all
from airflow_provider_bedrock_rft.hooks.shared import shared_hook
from airflow_provider_bedrock_rft.plugin.facts import Note
from airflow_provider_bedrock_rft.plugin.views.comparison import DetailsView, Samples, details_view
from airflow_provider_bedrock_rft.plugin.views.samples import Answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun
    from airflow_provider_bedrock_rft.core.ports import ObjectStore
    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
    from airflow_provider_bedrock_rft.plugin.cache import Cache
    from airflow_provider_bedrock_rft.plugin.views.comparison import Pair

    Connect = Callable[[str | None, str | None], BedrockRftHook]

LIVE_SECONDS = 3.0
ENDED_SECONDS = 900.0
HISTORY_SECONDS = 15.0
MAX_HISTORY = 50
"""Changes of champion that are read, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An Airflow connection and a region."""

    aws_conn_id: str | None
    region_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """All that a job has said so far."""

    job: Job
    curve: Curve
    checkpoints: tuple[Checkpoint, ...]
    event_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pair of evaluations, read and compared; ``notes`` say what could not be."""

    samples: Samples
    details: DetailsView | None
    notes: tuple[Note, ...]


class Remote:
    """The services behind any number of connections, each question asked once at a time and its answer kept.

    Args:
        cache: For what is small.
        large: For evaluations, which may hold megabytes of text each.
        connect: From a connection's name and a region to its services.
    """

    def __init__(self, cache: Cache, large: Cache, connect: Connect = shared_hook) -> None:
        self._cache = cache
        self._large = large
        self._connect = connect

    def job(self, place: Place, job_id: str) -> JobReport:
        """A job with its curve; of a running one, only what is new is read.

        Raises:
            RftError: The services, the connection or the job cannot be reached.
        """

        def read(before: JobReport | None) -> JobReport:
            training = plane_of(self._connect(place.aws_conn_id, place.region_name), job_id)
            known = before.event_ids if before else frozenset[str]()
            job = training.get_job(job_id)
            new = read_new_events(training, job_id, known)
            return JobReport(
                job=job,
                curve=(before.curve if before else Curve()).extended(new),
                checkpoints=tuple(training.list_checkpoints(job_id)),
                event_ids=known | {event.event_id for event in new},
            )

        return self._cache.get(("job", place, job_id), read, seconds=_lifetime)

    def judged(self, place: Place, pair: Pair, dataset: str, *, confidence: float) -> Judged:
        """The completions of both sides, their comparison, and the prompts where they can be read.

        Raises:
            RftError: The scored completions cannot be reached or read.
        """

        def read(_before: Judged | None) -> Judged:
            objects = self._connect(place.aws_conn_id, place.region_name).objects
            sides = [load_completions(objects, run) for run in (pair.baseline, pair.candidate)]
            records, notes = _records(objects, dataset)
            details: DetailsView | None = None
            try:
                runs = [
                    replace(run, scores=by_sample(found))
                    for run, found in zip((pair.baseline, pair.candidate), sides, strict=True)
                ]
                details = details_view(compare_runs(objects, runs[0], runs[1], confidence=confidence))
            except RftError as error:
                notes = (*notes, Note(severity="warning", text=error.message, action=error.action))
            return Judged(samples=Samples(sides[0], sides[1], records), details=details, notes=notes)

        return self._large.get(("judged", place, pair.baseline.uri, pair.candidate.uri, dataset, confidence), read)

    def answers(self, place: Place, run: EvaluationRun, dataset: str) -> Answers:
        """The completions of one evaluation, and the prompts where they can be read.

        Raises:
            RftError: The scored completions cannot be reached or read.
        """

        def read(_before: Answers | None) -> Answers:
            objects = self._connect(place.aws_conn_id, place.region_name).objects
            return Answers(load_completions(objects, run), *_records(objects, dataset))

        return self._large.get(("answers", place, run.uri, dataset), read)

    def history(self, place: Place, pipeline: str) -> tuple[ChampionEntry, ...]:
        """The newest changes of a pipeline's champion.

        Raises:
            RftError: The parameter store cannot be reached, or the name can be no pipeline's.
        """

        def read(_before: tuple[ChampionEntry, ...] | None) -> tuple[ChampionEntry, ...]:
            parameters = self._connect(place.aws_conn_id, place.region_name).parameters
            return tuple(
                islice(history_of(parameters, registry=Registry(pipeline=pipeline), repairs=False), MAX_HISTORY)
            )

        return self._cache.get(("history", place, pipeline), read, seconds=lambda _found: HISTORY_SECONDS)


def _records(objects: ObjectStore, dataset: str) -> tuple[dict[str, Record], tuple[Note, ...]]:
    """The prompts by record; only from the object store, for a path would be one of this server's own files."""
    if not is_remote(dataset):
        text = "The prompts are not shown: the dataset of this evaluation is not in the object store, or not known."
        return {}, (Note(severity="info", text=text),)
    try:
        return {record.record_id: record for record in read_all(objects, dataset)}, ()
    except RftError as error:
        text = f"The prompts cannot be shown: {error.message}"
        return {}, (Note(severity="warning", text=text, action=error.action),)


def _lifetime(report: JobReport) -> float:
    return LIVE_SECONDS if report.job.finished_at is None else ENDED_SECONDS
