"""From a question of the page to its view: facts from Airflow, reports from the services, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import RftError, TransientServiceError
from airflow_provider_bedrock_rft.hooks.files import is_remote
from airflow_provider_bedrock_rft.plugin.facts import CREATE_JOB, Note
from airflow_provider_bedrock_rft.plugin.remote import Place
from airflow_provider_bedrock_rft.plugin.views.comparison import ComparisonView, DetailsView, comparison_view
from airflow_provider_bedrock_rft.plugin.views.curve import CurveView, curve_view
from airflow_provider_bedrock_rft.plugin.views.evaluator import evaluator_views
from airflow_provider_bedrock_rft.plugin.views.lineage import LineageView, lineage_view, name_of
from airflow_provider_bedrock_rft.plugin.views.overview import Page, PipelineLine, champion_in, chosen, run_lines
from airflow_provider_bedrock_rft.plugin.views.pulse import SPARK_POINTS, Price, cost_of, newest_job, pulse_view
from airflow_provider_bedrock_rft.plugin.views.question import question_views
from airflow_provider_bedrock_rft.plugin.views.run import RunView, evaluations_in, fields_of, jobs_in, run_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.core.promotion.rollout import ChampionEntry
    from airflow_provider_bedrock_rft.plugin.facts import Output, Pipeline, Run
    from airflow_provider_bedrock_rft.plugin.metadata import AirflowMetadata
    from airflow_provider_bedrock_rft.plugin.remote import Judged, Remote
    from airflow_provider_bedrock_rft.plugin.views.comparison import Pair
    from airflow_provider_bedrock_rft.plugin.views.evaluator import EvaluatorView
    from airflow_provider_bedrock_rft.plugin.views.pulse import PulseView
    from airflow_provider_bedrock_rft.plugin.views.question import QuestionView
    from airflow_provider_bedrock_rft.plugin.views.samples import AnswersPage

RUNS_SHOWN = 20
"""Runs of a pipeline in the overview."""
JOBS_COUNTED = 1_000
"""Outputs of training tasks that a pipeline's cost is summed over, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A view that could not be had, and why; one that is ``temporary`` is worth asking for again."""

    notes: Sequence[Note]
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePage(Page):
    """A page of samples, and what could not be read about them."""

    notes: Sequence[Note] = ()


class Pages:
    """Every question that the page has. ``None`` answers a question about what is not there."""

    def __init__(
        self, metadata: AirflowMetadata, remote: Remote, clock: Clock, price: Callable[[], Price] = Price
    ) -> None:
        self._metadata = metadata
        self._remote = remote
        self._clock = clock
        self._price = price

    def overview(
        self, readable: frozenset[str], *, offset: int, limit: int, search: str, state: str, sort: str
    ) -> Page:
        """A page of the pipelines that the reader may see."""
        found = chosen(
            self._metadata.pipelines(),
            self._metadata.latest_runs(),
            readable=readable,
            search=search,
            state=state,
            sort=sort,
        )
        items = [self._line(one, offset=0, limit=RUNS_SHOWN) for one in found[offset : offset + limit]]
        return Page(items=items, total=len(found), offset=offset, limit=limit)

    def pipeline(self, dag_id: str, *, offset: int, limit: int) -> PipelineLine | None:
        """One pipeline with a page of its runs."""
        pipeline = self._metadata.pipeline(dag_id)
        return self._line(pipeline, offset=offset, limit=limit) if pipeline else None

    def pulse(self, dag_id: str) -> PulseView | None:
        """A pipeline's newest job, and what all its jobs have cost."""
        pipeline = self._metadata.pipeline(dag_id)
        if pipeline is None:
            return None
        makers = [task.task_id for task in pipeline.tasks if task.operator == CREATE_JOB]
        outputs = self._metadata.newest_outputs(dag_id, makers, limit=JOBS_COUNTED)
        newest = newest_job(outputs)
        run = self._metadata.run_of(newest[0].run_number) if newest else None
        curve, notes = self._newest_curve(pipeline, run, *newest) if newest and run else (None, ())
        cost = cost_of(outputs, self._price(), curve, now=self._clock.now())
        return pulse_view(run.run_id if run else "", curve, cost, notes)

    def _newest_curve(
        self, pipeline: Pipeline, run: Run, output: Output, job_id: str
    ) -> tuple[CurveView | None, Sequence[Note]]:
        try:
            report = self._remote.job(self._place(pipeline, run, output.task_id, output.map_index), job_id)
        except RftError as error:
            return None, trouble(error, "The newest job cannot be looked at").notes
        now = self._clock.now()
        return curve_view(report.job, report.curve, report.checkpoints, now=now, max_points=SPARK_POINTS), ()

    def run(self, dag_id: str, run_id: str) -> RunView | None:
        """A run with its stages."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        pipeline, run = found
        outputs = self._metadata.outputs([run], pipeline.task_ids())
        return run_view(run, self._metadata.task_runs(run), outputs)

    def curve(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        job_id: str,
        *,
        max_points: int,
        steps: tuple[int, int] | None = None,
    ) -> CurveView | Trouble | None:
        """The curves of a job that a task of the run has named; of no other job."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        pipeline, run = found
        jobs = jobs_in(self._metadata.outputs([run], pipeline.task_ids()), self._metadata.task_runs(run))
        job = next((one for one in jobs if one.task_id == task_id and job_id in {"", one.job_id}), None)
        if job is None:
            return Trouble(notes=(Note(severity="info", text=f"The task {task_id} has no job yet."),))
        try:
            report = self._remote.job(self._place(pipeline, run, task_id, job.map_index), job.job_id)
        except RftError as error:
            return trouble(error, f"The curve of job {job.job_id} cannot be shown")
        now = self._clock.now()
        return curve_view(report.job, report.curve, report.checkpoints, now=now, max_points=max_points, steps=steps)

    def comparison(self, dag_id: str, run_id: str) -> ComparisonView | None:
        """What the run's payloads say about its candidate."""
        found = self._find(dag_id, run_id)
        return self._compared(*found)[0] if found else None

    def questions(
        self, dag_id: str, run_id: str, may_answer: Callable[[frozenset[str]], bool]
    ) -> Sequence[QuestionView] | None:
        """What the run asks people, and what they have answered."""
        found = self._find(dag_id, run_id)
        return question_views(self._metadata.questions(found[1]), may_answer) if found else None

    def details(self, dag_id: str, run_id: str) -> DetailsView | Trouble | None:
        """What the scored completions say about the candidate."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        judged = self._judged(*found)
        if isinstance(judged, Trouble):
            return judged
        return judged.details or Trouble(notes=judged.notes)

    def samples(
        self, dag_id: str, run_id: str, *, outcome: str, search: str, offset: int, limit: int
    ) -> SamplePage | Trouble | None:
        """A page of the samples, side by side."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        judged = self._judged(*found)
        if isinstance(judged, Trouble):
            return judged
        items, total = judged.samples.page(outcome, search, offset=offset, limit=limit)
        return SamplePage(items=items, total=total, offset=offset, limit=limit, notes=judged.notes)

    def answers(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        map_index: int,
        *,
        order: str,
        search: str,
        offset: int,
        limit: int,
    ) -> AnswersPage | Trouble | None:
        """A page of what one evaluation of the run has asked and heard."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        pipeline, run = found
        made = evaluations_in(self._metadata.outputs([run], pipeline.task_ids()))
        wanted = next((one for one, ref in made if (ref.task_id, ref.map_index) == (task_id, map_index)), None)
        if wanted is None:
            return Trouble(notes=(Note(severity="info", text=f"The task {task_id} has evaluated nothing yet."),))
        dataset = _text(self._metadata.rendered(run, task_id, map_index).get("dataset")) or ""
        try:
            answers = self._remote.answers(self._place(pipeline, run, task_id, map_index), wanted, dataset)
        except RftError as error:
            return trouble(error, "The samples cannot be shown")
        return answers.page(order, search, offset=offset, limit=limit)

    def evaluators(self, dag_id: str, run_id: str, readable: frozenset[str]) -> Sequence[EvaluatorView] | None:
        """The DAGs that a checkpoint of the run can be handed to."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        pipeline, run = found
        outputs = self._metadata.outputs([run], pipeline.task_ids())
        given = {"pipeline": dag_id, **{name: text for one in outputs for name, text in _grader_in(one)}}
        for made, ref in evaluations_in(outputs)[-1:]:
            dataset = _text(self._metadata.rendered(run, ref.task_id, ref.map_index).get("dataset")) or ""
            given |= {"grader": made.grader_arn, "dataset": dataset if is_remote(dataset) else ""}
        return evaluator_views(self._metadata.pipelines(), readable, given)

    def lineage(self, dag_id: str, run_id: str) -> LineageView | None:
        """What the run was made from, what changed since the run before, and who was champion when."""
        found = self._find(dag_id, run_id)
        if found is None:
            return None
        pipeline, run = found
        before = self._metadata.run_before(run)
        outputs = self._metadata.outputs([run], pipeline.task_ids())
        earlier = self._metadata.outputs([before], pipeline.task_ids()) if before else ()
        history, notes = self._history(pipeline, run, outputs)
        return lineage_view(outputs, earlier, before.run_id if before else "", history, notes)

    def _history(
        self, pipeline: Pipeline, run: Run, outputs: Sequence[Output]
    ) -> tuple[Sequence[ChampionEntry], Sequence[Note]]:
        telling = pipeline.task_ids("promotion", "decision")
        if not telling:
            return (), ()
        try:
            place = self._place(pipeline, run, telling[0], -1)
            return self._remote.history(place, name_of(outputs, pipeline.dag_id)), ()
        except RftError as error:
            return (), trouble(error, "The champion's history cannot be shown").notes

    def _compared(self, pipeline: Pipeline, run: Run) -> tuple[ComparisonView, Pair | None]:
        return comparison_view(self._metadata.outputs([run], pipeline.task_ids()))

    def _judged(self, pipeline: Pipeline, run: Run) -> Judged | Trouble:
        view, pair = self._compared(pipeline, run)
        if pair is None:
            text = "The two evaluations of the decision are not both among this run's outputs."
            return Trouble(notes=(Note(severity="info", text=text), *view.notes))
        fields = self._metadata.rendered(run, pair.task_id, pair.map_index)
        confidence = view.gate.difference.confidence if view.gate and view.gate.difference else 0.95
        try:
            place = self._place(pipeline, run, pair.task_id, pair.map_index)
            return self._remote.judged(place, pair, _text(fields.get("dataset")) or "", confidence=confidence)
        except RftError as error:
            return trouble(error, "The samples cannot be shown")

    def _find(self, dag_id: str, run_id: str) -> tuple[Pipeline, Run] | None:
        pipeline, run = self._metadata.pipeline(dag_id), self._metadata.run(dag_id, run_id)
        return (pipeline, run) if pipeline and run else None

    def _line(self, pipeline: Pipeline, *, offset: int, limit: int) -> PipelineLine:
        runs, total = self._metadata.runs(pipeline.dag_id, offset=offset, limit=limit)
        telling = pipeline.task_ids("decision", "promotion")
        promotion = self._metadata.last_output(pipeline.dag_id, pipeline.task_ids("promotion"))
        return PipelineLine(
            dag_id=pipeline.dag_id,
            is_paused=pipeline.is_paused,
            n_runs=total,
            champion=champion_in(promotion),
            runs=run_lines(runs, self._metadata.outputs(runs, telling)),
        )

    def _place(self, pipeline: Pipeline, run: Run, task_id: str, map_index: int) -> Place:
        """The task's connection as it was rendered; as it was written where Airflow no longer keeps that."""
        task = pipeline.task(task_id)
        written = {
            "aws_conn_id": task.aws_conn_id if task else "aws_default",
            "region_name": task.region_name if task else None,
        }
        fields = {**written, **self._metadata.rendered(run, task_id, map_index)}
        return Place(aws_conn_id=_text(fields["aws_conn_id"]), region_name=_text(fields["region_name"]))


def trouble(error: RftError, what: str) -> Trouble:
    """What the page says instead of a view."""
    note = Note(severity="error", text=f"{what}: {error.message}", action=error.action)
    return Trouble(notes=(note,), temporary=isinstance(error, TransientServiceError))


def _grader_in(output: Output) -> Iterator[tuple[str, str]]:
    if output.kind == "rft.grader" and (arn := _text(fields_of(output).get("arn"))):
        yield "grader", arn


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value not in {"", "None"} else None
