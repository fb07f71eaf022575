"""What the page shows, from facts given by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.codec import dump
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.evaluation.estimate import Estimate
from airflow_provider_bedrock_rft.core.evaluation.run import EvaluationRun, ScoredCompletion
from airflow_provider_bedrock_rft.core.job.curve import Curve
from airflow_provider_bedrock_rft.core.job.job import Job, JobEvent
from airflow_provider_bedrock_rft.plugin.facts import Output, Pipeline, Run, Task, TaskRun, stage_of
from airflow_provider_bedrock_rft.plugin.views.comparison import MAX_TEXT, Samples, comparison_view
from airflow_provider_bedrock_rft.plugin.views.curve import MAX_METRICS, curve_view, thinned
from airflow_provider_bedrock_rft.plugin.views.lineage import lineage_view, name_of
from airflow_provider_bedrock_rft.plugin.views.overview import champion_in, chosen, run_lines
from airflow_provider_bedrock_rft.plugin.views.run import gist_of, jobs_in, run_view

JOB = Job(job_id="j", status="running", model="base", training_data="f", grader_arn="g", created_at=0.0)
RUN = Run(dag_id="d", run_id="r", number=1, state="running", run_after=0.0)
EVALUATION = EvaluationRun(
    model="base",
    grader_arn="g",
    uri="s3://b/base",
    prompts_fingerprint="p",
    n_samples=2,
    completions_per_sample=1,
    mean=Estimate(value=0.5, low=0.25, high=0.75, confidence=0.95, n=2, method="t"),
    n_requests=2,
    n_truncated=0,
    n_grader_errors=0,
    prompt_tokens=1,
    completion_tokens=1,
    median_latency_ms=1.0,
)


def events(n_steps: int, **metrics: float) -> list[JobEvent]:
    return [
        JobEvent(
            event_id=str(step),
            created_at=10.0 * step,
            level="info",
            message="",
            step=step,
            total_steps=2 * n_steps,
            metrics={"critic_rewards_mean": 0.5, **metrics},
        )
        for step in range(1, n_steps + 1)
    ]


def output(kind: str, task_id: str = "t", **fields: Any) -> Output:
    return Output(task_id=task_id, map_index=-1, value={"kind": kind, "version": 1, **fields}, run_number=1)


class TestThinning:
    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(10, 300))
    def test_keeps_ends_extremes_and_order_within_the_bound(self, values: list[float], max_points: int) -> None:
        points = list(enumerate(values))
        kept = thinned(points, max_points)
        assert len(kept) <= max(4, max_points)
        assert (kept[0], kept[-1]) == (points[0], points[-1])
        assert [step for step, _ in kept] == sorted({step for step, _ in kept})
        assert set(kept) <= set(points)
        assert min(v for _, v in kept) == min(values)
        assert max(v for _, v in kept) == max(values)

    def test_five_thousand_steps_become_what_a_screen_can_show(self) -> None:
        values = [(step, float(step == 3217)) for step in range(1, 5001)]
        kept = thinned(values, 600)
        assert len(kept) <= 600
        assert (3217, 1.0) in kept


class TestCurve:
    def test_tells_how_long_the_job_still_takes(self) -> None:
        view = curve_view(JOB, Curve().extended(events(10)), (), now=100.0)
        assert (view.is_running, view.last_step, view.total_steps, view.seconds_left) == (True, 10, 20, 100.0)

    def test_alarms_stand_at_their_step(self) -> None:
        view = curve_view(JOB, Curve().extended(events(10)), (), now=100.0)
        assert [(one.title, one.kind, one.step) for one in view.findings] == [("equal-rewards", "error", 10)]

    def test_a_job_that_has_ended_is_not_called_stalled(self) -> None:
        ended = replace(JOB, status="succeeded", finished_at=50.0)
        view = curve_view(ended, Curve().extended(events(3)), (), now=1e9)
        assert (view.is_running, view.seconds_left) == (False, None)
        assert "stalled" not in [one.title for one in view.findings]

    def test_a_status_nobody_knows_is_said_and_is_no_success(self) -> None:
        view = curve_view(replace(JOB, status="dreaming"), Curve(), (), now=0.0)
        assert "dreaming" in view.notes[0].text
        assert not view.is_running

    def test_the_services_own_error_is_shown(self) -> None:
        view = curve_view(replace(JOB, status="failed", error_message="<b>no</b>"), Curve(), (), now=0.0)
        assert view.notes[0].text == "The service says: <b>no</b>"

    def test_numbers_that_json_has_no_words_for_are_left_out(self) -> None:
        found = curve_view(JOB, Curve().extended(events(4, odd=float("nan"), huge=float("inf"))), (), now=0.0).series
        assert {one.name: one.n_steps for one in found} == {"reward": 4, "odd": 0, "huge": 0}

    def test_strange_metrics_are_bounded(self) -> None:
        many = {f"metric_{n}": 1.0 for n in range(200)}
        assert len(curve_view(JOB, Curve().extended(events(2, **many)), (), now=0.0).series) == MAX_METRICS

    def test_noise_gets_a_trend(self) -> None:
        trend = curve_view(JOB, Curve().extended(events(30)), (), now=0.0).series[0]
        assert (trend.name, trend.points[0]) == ("reward_trend", (5, 0.5))


class TestStages:
    @pytest.mark.parametrize(
        ("operator", "stage"),
        [
            ("BedrockRftUploadDatasetOperator", "dataset"),
            ("BedrockRftDeployGraderOperator", "grader"),
            ("BedrockRftCreateJobOperator", "job"),
            ("BedrockRftCheckpointAvailableSensor", "checkpoint"),
            ("BedrockRftEvaluateModelOperator", "evaluation"),
            ("BedrockRftPromotionGateOperator", "decision"),
            ("BedrockRftPromoteModelOperator", "promotion"),
            ("ApprovalOperator", "decision"),
            ("BashOperator", ""),
            ("", ""),
        ],
    )
    def test_follow_from_the_operator(self, operator: str, stage: str) -> None:
        assert stage_of(operator) == stage

    def test_stand_in_the_order_in_which_they_began_and_the_others_after(self) -> None:
        tasks = [
            TaskRun(task_id="late", map_index=-1, operator="BashOperator", state="none"),
            TaskRun(task_id="gate", map_index=-1, operator="BedrockRftPromotionGateOperator", state="none"),
            TaskRun(task_id="b", map_index=-1, operator="BedrockRftCreateJobOperator", state="running", started_at=2.0),
            TaskRun(task_id="a", map_index=-1, operator="BashOperator", state="success", started_at=1.0),
        ]
        view = run_view(RUN, tasks, [])
        assert [one.task_id for one in view.stages] == ["a", "b", "gate", "late"]
        assert view.is_live

    @pytest.mark.parametrize(
        ("payload", "gist"),
        [
            (output("rft.dataset", n_records=1234, file_id="f"), "1,234 records as f"),
            (Output(task_id="t", map_index=-1, value=dump(EVALUATION)), "base: 0.5 [0.25, 0.75]"),
            (output("rft.evaluation", model="m", mean=None), "m: too few samples"),
            (output("rft.evaluation", model="m", mean={"value": "?", "low": 0, "high": 1}), ""),
            (output("rft.dataset"), ""),
            (output("rft.unheard_of", x=1), ""),
            (output("rft.job", tuned_model="{0.__class__}"), "{0.__class__}"),
        ],
    )
    def test_say_what_came_of_them(self, payload: Output, gist: str) -> None:
        assert gist_of(payload) == gist

    def test_a_job_is_named_once_and_by_its_maker(self) -> None:
        tasks = [TaskRun(task_id="train", map_index=0, operator="BedrockRftCreateJobOperator", state="running")]
        outputs = [
            output("rft.checkpoint", "sensor", job_id="j1"),
            Output(task_id="train", map_index=0, value="j1"),
            Output(task_id="bash", map_index=-1, value="j2"),
            output("rft.job", "elsewhere", job_id="j3"),
            output("rft.job", "newer", version=2, job_id="j4"),
        ]
        assert [(one.task_id, one.job_id) for one in jobs_in(outputs, tasks)] == [("train", "j1"), ("elsewhere", "j3")]


class TestOverview:
    def test_shows_only_what_the_reader_may_see(self) -> None:
        pipelines = [Pipeline(dag_id=name, tasks=()) for name in ("a", "b")]
        assert [one.dag_id for one in chosen(pipelines, {}, readable=frozenset({"b", "c"}))] == ["b"]

    def test_every_word_of_a_search_has_to_be_there(self) -> None:
        pipelines = [Pipeline(dag_id=name, tasks=()) for name in ("maths_de", "maths_en")]
        found = chosen(pipelines, {}, readable=frozenset({"maths_de", "maths_en"}), search=" EN  math ")
        assert [one.dag_id for one in found] == ["maths_en"]

    def test_a_rollback_is_no_promotion(self) -> None:
        entry = output("rft.champion", model="old", number=3, at=1.0, action="rollback")
        assert run_lines([RUN], [entry])[0].promoted == ""
        champion = champion_in(entry)
        assert champion
        assert champion.action == "rollback"

    @pytest.mark.parametrize("fields", [{}, {"model": 1, "number": 1}, {"model": "m", "number": "1"}])
    def test_a_champion_that_cannot_be_read_is_none(self, fields: dict[str, Any]) -> None:
        assert champion_in(output("rft.champion", **fields)) is None

    def test_tasks_are_found_by_stage(self) -> None:
        tasks = (Task(task_id="g", operator="BedrockRftPromotionGateOperator"), Task(task_id="x", operator="Other"))
        pipeline = Pipeline(dag_id="d", tasks=tasks)
        assert (pipeline.task_ids(), pipeline.task_ids("decision"), pipeline.task("y")) == (("g", "x"), ("g",), None)


class TestComparison:
    def test_pairs_the_evaluations_that_the_gate_has_judged(self) -> None:
        runs = [
            replace(EVALUATION, model="candidate", prompts_fingerprint="selection"),
            EVALUATION,
            replace(EVALUATION, model="candidate"),
            replace(EVALUATION, model="bystander"),
        ]
        outputs = [Output(task_id=f"e{n}", map_index=-1, value=dump(run), at=n) for n, run in enumerate(runs)]
        without = comparison_view(outputs)[1]
        assert without
        assert (without.baseline.model, without.candidate.model) == ("base", "bystander")
        judged = output("rft.gate", **GATE)
        pair = comparison_view([*outputs, judged])[1]
        assert pair
        assert (pair.baseline.model, pair.candidate.model, pair.task_id) == ("base", "candidate", "e2")

    def test_one_evaluation_is_no_pair(self) -> None:
        view, pair = comparison_view([Output(task_id="e", map_index=-1, value=dump(EVALUATION))])
        assert (view.gate, view.baseline, pair) == (None, None, None)


GATE: dict[str, Any] = {
    "verdict": "hold", "summary": "s", "reasons": [], "pipeline": "elsewhere", "baseline_model": "base",
    "candidate_model": "candidate", "champion_model": "", "n_samples": 2, "n_wins": 1, "n_losses": 1, "baseline": None,
    "candidate": None, "difference": None, "p_value": None, "test": "t", "alpha": 0.05, "needs_approval": False,
    "comparison_fingerprint": "f",
}  # fmt: skip


class TestSamples:
    def samples(self) -> Samples:
        def side(scores: dict[str, float | None], text: str) -> list[ScoredCompletion]:
            return [ScoredCompletion(sample_id=n, index=0, score=s, completion=text) for n, s in scores.items()]

        record = Record(record_id="b", messages=(Message(role="user", content="How many?"),), reference=7)
        return Samples(
            side({"a": 0.0, "b": 1.0, "c": 0.5, "d": None}, "x" * (MAX_TEXT + 5)),
            side({"a": 0.2, "b": 0.0, "c": 0.5, "e": 1.0}, "answer"),
            {"b": record},
        )

    @pytest.mark.parametrize(
        ("outcome", "names"),
        [("all", ["a", "b", "c", "d", "e"]), ("losses", ["b"]), ("wins", ["a"]), ("ties", ["c"])],
    )
    def test_are_told_apart_by_outcome(self, outcome: str, names: list[str]) -> None:
        items, total = self.samples().page(outcome, "", offset=0, limit=10)
        assert ([one.sample_id for one in items], total) == (names, len(names))

    def test_come_with_prompt_and_reference_where_they_are_known(self) -> None:
        (sample,), _ = self.samples().page("losses", "how MANY", offset=0, limit=10)
        assert (sample.prompt, sample.reference, sample.difference) == ("How many?", "7", -1.0)

    def test_of_one_side_only_have_no_difference(self) -> None:
        items, _ = self.samples().page("all", "", offset=3, limit=2)
        assert [(one.difference, len(one.baseline), len(one.candidate)) for one in items] == [
            (None, 1, 0),
            (None, 0, 1),
        ]

    def test_endless_texts_are_cut(self) -> None:
        (sample,), _ = self.samples().page("wins", "", offset=0, limit=1)
        assert sample.baseline[0].text.endswith("(5 characters more)")

    def test_a_page_beyond_the_end_is_empty(self) -> None:
        assert self.samples().page("all", "", offset=99, limit=10) == ((), 5)


class TestLineage:
    def test_tells_what_changed_since_the_run_before(self) -> None:
        before = [
            output("rft.grader", "deploy", arn="g:1", fingerprint="same"),
            output("rft.dataset", "gone", file_id="f"),
        ]
        after = [output("rft.grader", "deploy", arn="g:2", fingerprint="same")]
        view = lineage_view(after, before, "r0", (), ())
        assert [(one.task_id, one.name, one.before, one.after) for one in view.changes] == [
            ("deploy", "arn", "g:1", "g:2"),
            ("gone", "file_id", "f", ""),
        ]

    def test_the_first_run_has_changed_nothing(self) -> None:
        assert lineage_view([output("rft.grader", arn="g")], [], "", (), ()).changes == []

    def test_the_pipeline_is_the_one_that_the_payloads_name(self) -> None:
        assert name_of([output("rft.gate", **GATE)], "dag") == "elsewhere"
        assert name_of([], "dag") == "dag"
