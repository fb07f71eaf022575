"""Evaluate a model with the deployed grader, and compare two evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.codec import canonical_json, fingerprint
from airflow_provider_bedrock_rft.core.errors import InvalidGrader, InvalidInput, InvalidScores
from airflow_provider_bedrock_rft.core.evaluation.answer import prompt_fingerprint, read_lines
from airflow_provider_bedrock_rft.core.evaluation.batch import answers_in_batch_only
from airflow_provider_bedrock_rft.core.evaluation.paired import Comparison
from airflow_provider_bedrock_rft.core.evaluation.paired import compare as compare_scores
from airflow_provider_bedrock_rft.core.evaluation.run import (
    EvaluationRun,
    ScoredCompletion,
    by_metric,
    by_sample,
    summarize,
)
from airflow_provider_bedrock_rft.core.evaluation.separation import refuse_overlap
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn
from airflow_provider_bedrock_rft.core.steps.answering import AnswerBook
from airflow_provider_bedrock_rft.core.steps.grading import GradeBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores
    from airflow_provider_bedrock_rft.core.ports import ModelRuntime, ObjectStore
    from airflow_provider_bedrock_rft.core.steps.batching import BatchAccess
    from airflow_provider_bedrock_rft.core.steps.grading import GraderFunctions

_CANARY = 4
"""Samples answered and graded before the rest, so that a broken grader is found before the bill."""
AUTO = "auto"
TRUTH = "correct"
"""The component by which a grader that gives partial credit says whether the answer is right."""


def evaluate_model(  # noqa: PLR0913 - the ports it needs and what it works on
    runtime: ModelRuntime,
    functions: GraderFunctions,
    objects: ObjectStore,
    *,
    model: str,
    grader_arn: str,
    records: Sequence[Record],
    artifacts_uri: str,
    clock: Clock,
    settings: EvaluationSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    batch: BatchAccess | None = None,
) -> EvaluationRun:
    """Ask ``model`` for completions of every record and have the deployed grader score them.

    Every completion and score is stored below ``artifacts_uri`` as it comes. A second call with the same model, prompts
    and settings, by whatever worker, asks only for what is missing. ``on_progress`` gets completions answered and
    wanted, from several threads. With ``batch`` and a role for it in the settings, many missing answers of a native
    model are ordered in one batch job.

    Raises:
        InvalidInput: No records, or two with the same id.
        InvalidGrader: The ARN names no published version, so that what it grades with could change unseen.
        BudgetExceeded: More requests or tokens are needed than the settings allow, and nothing was asked; or the next
            request could cost more than is left, and the answers until then are kept.
        JobFailure: A batch job ended without an answer.
        GraderFailure: The grader failed on more completions than the settings allow; the answers are kept.
        ServiceError: What a repetition did not mend; the answers until then are kept.
    """
    settings = settings or EvaluationSettings()
    _refuse_doubled(records)
    _refuse_unpinned(grader_arn)
    n_wanted = len(records) * settings.completions_per_sample
    book = AnswerBook(
        runtime,
        objects,
        model=model,
        uri=artifacts_uri,
        settings=settings,
        clock=clock,
        on_progress=lambda n_answered: on_progress(min(n_answered, n_wanted), n_wanted),
        batch=batch,
    )
    book.hold_to_budget(records)
    grades = GradeBook(functions, objects, grader_arn=grader_arn, uri=artifacts_uri, settings=settings, clock=clock)
    completions: list[ScoredCompletion] = []
    n_first = 0 if answers_in_batch_only(model) else _CANARY
    for part in filter(None, (records[:n_first], records[n_first:])):
        completions += grades.completions(book.answers(part))
    uri = f"{artifacts_uri.rstrip('/')}/evaluations/{_run_id(model, grader_arn, records, settings)}.jsonl"
    objects.put_bytes(uri, b"".join(canonical_json(one) + b"\n" for one in completions))
    return summarize(
        completions, model=model, grader_arn=grader_arn, uri=uri, settings=settings, n_requests=book.n_requests
    )


def load_completions(objects: ObjectStore, run: EvaluationRun) -> tuple[ScoredCompletion, ...]:
    """The scored completions of a run, texts included."""
    return _completions_at(objects, run.uri)


def load_scores(objects: ObjectStore, run: EvaluationRun, *, metric: str = "") -> tuple[SampleScores, ...]:
    """The scores of a run, from the payload or from the object store; or another number that the grader reports."""
    if metric:
        return by_sample(by_metric(load_completions(objects, run), metric))
    return run.scores or by_sample(load_completions(objects, run))


def compare_runs(
    objects: ObjectStore,
    baseline: EvaluationRun,
    candidate: EvaluationRun,
    *,
    chosen_on: Sequence[EvaluationRun] = (),
    metric: str = "",
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two evaluations sample by sample, by their scores or by a ``metric`` reported beside them.

    ``metric="auto"`` takes the component ``correct`` where the grader reports it for every completion, else the score:
    credit for a format must not hide that nothing else was learnt. The evaluations by which the candidate's checkpoint
    was chosen (``chosen_on``, and those that the candidate itself names) must be of other prompts.

    Raises:
        InvalidScores: They were graded by different graders, on different prompts, or on prompts the choice had seen.
    """
    if baseline.grader_arn != candidate.grader_arn:
        raise InvalidScores(
            f"The baseline was graded by {baseline.grader_arn}, the candidate by {candidate.grader_arn}.",
            action="Evaluate both with the same version of the grader; stored answers are not asked for again.",
        )
    if baseline.prompts_fingerprint != candidate.prompts_fingerprint and baseline.n_samples == candidate.n_samples:
        raise InvalidScores(
            "The two evaluations are of different prompts: the test set was changed.",
            action="Evaluate both models on the same version of the test set.",
        )
    metric = _metric_for(objects, (baseline, candidate)) if metric == AUTO else metric
    left, right = load_scores(objects, baseline, metric=metric), load_scores(objects, candidate, metric=metric)
    for run in chosen_on:
        refuse_overlap(load_scores(objects, run), right)
    for uri in candidate.chosen_on:
        refuse_overlap(by_sample(_completions_at(objects, uri)), right)
    return compare_scores(left, right, confidence=confidence, seed=seed)


def metrics_of(objects: ObjectStore, runs: Sequence[EvaluationRun]) -> tuple[str, ...]:
    """The numbers that the grader reports for every graded completion of these runs, sorted."""
    graded = [one.metrics for run in runs for one in load_completions(objects, run) if one.score is not None]
    return tuple(sorted(set.intersection(*map(set, graded)))) if graded else ()


def _metric_for(objects: ObjectStore, runs: Sequence[EvaluationRun]) -> str:
    return TRUTH if TRUTH in metrics_of(objects, runs) else ""


def _completions_at(objects: ObjectStore, uri: str) -> tuple[ScoredCompletion, ...]:
    return tuple(read_lines(ScoredCompletion, objects.get(uri), source=uri))


def _refuse_doubled(records: Sequence[Record]) -> None:
    if not records:
        raise InvalidInput("There are no records to evaluate on.", action="Give a held-out split that is not empty.")
    seen: set[str] = set()
    for record in records:
        if record.record_id in seen:
            raise InvalidInput(
                f"Two records share the id {record.record_id!r}.", action="Remove the duplicate from the test set."
            )
        seen.add(record.record_id)


def _refuse_unpinned(grader_arn: str) -> None:
    if not LambdaArn.parse(grader_arn).is_immutable:
        raise InvalidGrader(
            f"{grader_arn} names no published version of the grader.",
            action="Deploy the grader and pass the ARN with its version: stored grades are kept per version.",
        )


def _run_id(model: str, grader_arn: str, records: Sequence[Record], settings: EvaluationSettings) -> str:
    asked = sorted([record.record_id, prompt_fingerprint(record)] for record in records)
    return fingerprint([settings.asking_fingerprint(model), settings.completions_per_sample, grader_arn, asked])[:16]
